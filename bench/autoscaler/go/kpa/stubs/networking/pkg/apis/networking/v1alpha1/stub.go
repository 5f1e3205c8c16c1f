// Package v1alpha1 declares what knative.dev/serving's autoscaler takes of the package of this name.
package v1alpha1

// HTTPOption is a choice of an Ingress.
type HTTPOption string

// The choices.
const (
	HTTPOptionEnabled    HTTPOption = "Enabled"
	HTTPOptionRedirected HTTPOption = "Redirected"
)
