package ingest

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// repeatEvery is the minimum interval between two log lines with the same text: a store that is down for an hour causes
// one line per interval, not one for each attempt.
const repeatEvery = 30 * time.Second

// bridge returns a logger for a Collector component that writes to the conductor's log.
func bridge(log *slog.Logger, what string) *zap.Logger {
	return zap.New(zapcore.NewSamplerWithOptions(slogCore{log.With("part", what)}, repeatEvery, 1, 0))
}

// A slogCore translates the levels of components to their meaning for a user. The components log a failed attempt at
// info level, which is a warning here, and their own state, which is not logged.
type slogCore struct{ log *slog.Logger }

func (c slogCore) Enabled(l zapcore.Level) bool { return l >= zapcore.InfoLevel }

func (c slogCore) With(fields []zapcore.Field) zapcore.Core {
	return slogCore{c.log.With(attrs(fields)...)}
}

func (c slogCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

func (c slogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	level := slog.LevelDebug
	switch {
	case e.Level >= zapcore.ErrorLevel:
		level = slog.LevelError
	case e.Level == zapcore.WarnLevel || slices.ContainsFunc(fields, func(f zapcore.Field) bool { return f.Type == zapcore.ErrorType }):
		level = slog.LevelWarn
	}
	c.log.Log(context.Background(), level, e.Message, attrs(fields)...)
	return nil
}

func (c slogCore) Sync() error { return nil }

func attrs(fields []zapcore.Field) []any {
	m := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(m)
	}
	out := make([]any, 0, 2*len(m.Fields))
	for _, f := range fields {
		if v, ok := m.Fields[f.Key]; ok {
			out = append(out, f.Key, v)
		}
	}
	return out
}

// local reports whether endpoint, a URL, names this machine.
func local(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
