// Package duck declares the part of this package that knative.dev/serving's autoscaler needs.
package duck

// The interfaces of duck types.
type (
	Implementable interface{ GetFullType() Populatable }
	Populatable   interface{ Populate() }
)
