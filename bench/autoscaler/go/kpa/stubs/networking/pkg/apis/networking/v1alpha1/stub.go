// Package v1alpha1 declares the part of this package that knative.dev/serving's autoscaler needs.
package v1alpha1

// HTTPOption is an option of an Ingress.
type HTTPOption string

// The values of HTTPOption.
const (
	HTTPOptionEnabled    HTTPOption = "Enabled"
	HTTPOptionRedirected HTTPOption = "Redirected"
)
