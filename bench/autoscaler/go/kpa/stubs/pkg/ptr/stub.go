// Package ptr declares what knative.dev/serving's autoscaler takes of the package of this name.
package ptr

// Bool returns a pointer to a bool.
func Bool(b bool) *bool { return &b }
