// Package semconv declares the part of this package that knative.dev/serving's autoscaler needs.
package semconv

import "go.opentelemetry.io/otel/attribute"

// K8SNamespaceName is the attribute of a namespace.
func K8SNamespaceName(name string) attribute.KeyValue {
	return attribute.String("k8s.namespace.name", name)
}
