// Package attributekey declares what knative.dev/serving's autoscaler takes of the package of this name.
package attributekey

import "go.opentelemetry.io/otel/attribute"

// String is the key of a text.
type String string

// With returns the key with a value.
func (k String) With(value string) attribute.KeyValue { return attribute.String(string(k), value) }
