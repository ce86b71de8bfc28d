// Package otlpscan looks through an OTLP request before anything decodes it, and bounds what decoding it can cost: the
// depth of the decoder's recursion, and the memory that the decoded form takes.
//
// Attribute values (AnyValue) nest. The decoders follow that nesting by recursion and have no limit of their own, so that
// a few megabytes end the process with a stack overflow, which cannot be recovered from. A scan counts the levels alike
// in protobuf and in JSON: the same request gets the same verdict in both.
//
// A scan knows the schema. It does not enter strings and bytes, takes time linear in the body, allocates nothing, and is
// never more lenient than the decoders: whatever could make a decoder see another structure than the scan does (an empty
// field name, a broken escape, an object in place of a number) is ErrMalformed. conductor/ingest and conductor/recording
// call it. It does no I/O.
package otlpscan
