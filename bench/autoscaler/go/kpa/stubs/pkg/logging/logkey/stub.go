// Package logkey declares the part of this package that knative.dev/serving's autoscaler needs.
package logkey

// Key is the key of the object in a log line.
const Key = "knative.dev/key"
