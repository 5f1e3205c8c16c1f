// Package kmap declares what knative.dev/serving's autoscaler takes of the package of this name.
package kmap

// KeyPriority lists an annotation's names, the first that is there wins.
type KeyPriority []string

// Key returns the newest name.
func (p KeyPriority) Key() string { return p[0] }

// Get returns the first name that is there, and its value.
func (p KeyPriority) Get(m map[string]string) (key, value string, found bool) {
	for _, key := range p {
		if value, found := m[key]; found {
			return key, value, true
		}
	}
	return "", "", false
}

// Value returns the value of the first name that is there.
func (p KeyPriority) Value(m map[string]string) string {
	_, value, _ := p.Get(m)
	return value
}
