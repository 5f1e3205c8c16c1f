// Package configmap declares the part of this package that knative.dev/serving's autoscaler needs: the parser of its
// configuration. The driver uses the defaults, so nothing is parsed.
package configmap

import (
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

const outside = "not on the autoscaler's path"

// ParseFunc parses one key.
type ParseFunc func(map[string]string) error

// Parse accepts an empty map, which keeps the defaults.
func Parse(data map[string]string, _ ...ParseFunc) error {
	if len(data) > 0 {
		panic(outside)
	}
	return nil
}

func AsBool(string, *bool) ParseFunc                   { return nil }
func AsDuration(string, *time.Duration) ParseFunc      { return nil }
func AsFloat64(string, *float64) ParseFunc             { return nil }
func AsInt32(string, *int32) ParseFunc                 { return nil }
func AsInt64(string, *int64) ParseFunc                 { return nil }
func AsString(string, *string) ParseFunc               { return nil }
func AsQuantity(string, **resource.Quantity) ParseFunc { return nil }

// Logger logs.
type Logger interface {
	Debugf(string, ...any)
	Infof(string, ...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

// Constructors create values from maps.
type Constructors map[string]any

// UntypedStore stores such values.
type UntypedStore struct{}

// NewUntypedStore is not called by the autoscaler.
func NewUntypedStore(string, Logger, Constructors, ...func(string, any)) *UntypedStore {
	panic(outside)
}

// UntypedLoad is not called by the autoscaler.
func (*UntypedStore) UntypedLoad(string) any { panic(outside) }
