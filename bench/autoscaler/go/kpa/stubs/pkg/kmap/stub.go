// Package kmap declares the part of this package that knative.dev/serving's autoscaler needs.
package kmap

// KeyPriority lists an annotation's names, in order of precedence.
type KeyPriority []string

// Key returns the preferred name.
func (p KeyPriority) Key() string { return p[0] }

// Get returns the first name that is set, and its value.
func (p KeyPriority) Get(m map[string]string) (key, value string, found bool) {
	for _, key := range p {
		if value, found := m[key]; found {
			return key, value, true
		}
	}
	return "", "", false
}

// Value returns the value of the first name that is set.
func (p KeyPriority) Value(m map[string]string) string {
	_, value, _ := p.Get(m)
	return value
}
