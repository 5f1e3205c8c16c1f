// Package header declares what knative.dev/serving's autoscaler takes of the package of this name.
package header

// ProtobufMIMEType is the type of a scraped sample.
const ProtobufMIMEType = "application/protobuf"
