// Package networking declares what knative.dev/serving's autoscaler takes of the package of this name.
package networking

import (
	"context"

	"knative.dev/pkg/apis"
)

// GroupName is the API group.
const GroupName = "networking.internal.knative.dev"

// ProtocolType names a pod's protocol.
type ProtocolType string

// GetHTTPProtocol is not on the autoscaler's path.
func GetHTTPProtocol(map[string]string) string { panic("not on the autoscaler's path") }

// Validate is not on the autoscaler's path.
func (ProtocolType) Validate(context.Context) *apis.FieldError { panic("not on the autoscaler's path") }
