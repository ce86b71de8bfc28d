// Package recording reads and writes OTLP in the framing of the Collector's file exporter (format: proto): each
// message, which is one OTLP request, is preceded by its length, four bytes, most significant first. So a Collector can
// read this package's recordings, and this package the Collector's.
//
// `conductor --record FILE` writes received requests with a Writer; `conductor replay FILE` reads them with a Reader
// and plays them at the pace of the recorded times. A message does not state its signal; Next derives it, since a
// message that is not empty can be of one signal only.
//
// The content of a file is not trusted: a length beyond the bound, a truncated message, or one that is not OTLP is an
// error with its offset, and no memory is allocated for it beyond what was read.
package recording
