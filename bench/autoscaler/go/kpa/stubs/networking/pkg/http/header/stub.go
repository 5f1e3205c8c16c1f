// Package header declares the part of this package that knative.dev/serving's autoscaler needs.
package header

// ProtobufMIMEType is the type of a scraped sample.
const ProtobufMIMEType = "application/protobuf"
