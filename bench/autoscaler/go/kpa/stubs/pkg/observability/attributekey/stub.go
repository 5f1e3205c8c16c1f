// Package attributekey declares the part of this package that knative.dev/serving's autoscaler needs.
package attributekey

import "go.opentelemetry.io/otel/attribute"

// String is the key of a string.
type String string

// With returns the key with a value.
func (k String) With(value string) attribute.KeyValue { return attribute.String(string(k), value) }
