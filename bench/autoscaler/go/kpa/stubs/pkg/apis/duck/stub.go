// Package duck declares what knative.dev/serving's autoscaler takes of the package of this name.
package duck

// The interfaces of duck types.
type (
	Implementable interface{ GetFullType() Populatable }
	Populatable   interface{ Populate() }
)
