// Package config declares what knative.dev/serving's autoscaler takes of the package of this name.
package config

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// The string types of the network's configuration.
type (
	HTTPProtocol          string
	EncryptionConfig      string
	MeshCompatibilityMode string
)

// Their values.
const (
	HTTPEnabled    HTTPProtocol = "enabled"
	HTTPDisabled   HTTPProtocol = "disabled"
	HTTPRedirected HTTPProtocol = "redirected"

	EncryptionEnabled EncryptionConfig = "enabled"

	MeshCompatibilityModeEnabled  MeshCompatibilityMode = "enabled"
	MeshCompatibilityModeDisabled MeshCompatibilityMode = "disabled"
)

// Config is the network's configuration.
type Config struct {
	HTTPProtocol                  HTTPProtocol
	ExternalDomainTLS             bool
	ClusterLocalDomainTLS         EncryptionConfig
	NamespaceWildcardCertSelector *metav1.LabelSelector
}

// SystemInternalTLSEnabled is not on the autoscaler's path.
func (*Config) SystemInternalTLSEnabled() bool { panic("not on the autoscaler's path") }
