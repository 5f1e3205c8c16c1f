// Package logkey declares what knative.dev/serving's autoscaler takes of the package of this name.
package logkey

// Key names the object that a log line is of.
const Key = "knative.dev/key"
