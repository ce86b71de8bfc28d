// Package recording reads and writes OTLP in the framing of the Collector's file exporter (format: proto): each message
// is preceded by its length, four bytes, most significant first. So a Collector can read this package's recordings, and
// this package the Collector's.
//
// `conductor --record FILE` writes received requests with a Writer; `conductor replay FILE` reads with a Reader and
// plays at the pace of the recorded times. A message does not carry its signal; Next derives it, since a message that
// is not empty can be of one signal only.
//
// Foreign bytes are not trusted: a length beyond the bound, a truncated message, or one that is not OTLP is an error
// with its offset, and nothing is allocated for it beyond what was read.
package recording
