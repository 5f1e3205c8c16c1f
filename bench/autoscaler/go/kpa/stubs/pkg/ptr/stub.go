// Package ptr declares the part of this package that knative.dev/serving's autoscaler needs.
package ptr

// Bool returns a pointer to a bool.
func Bool(b bool) *bool { return &b }
