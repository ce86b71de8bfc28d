package chordevent

import "context"

type keepKey struct{}

// Keep marks a context: a lookup that starts in it is sampled whatever the rates, because a user asked to see it.
func Keep(ctx context.Context) context.Context { return context.WithValue(ctx, keepKey{}, true) }

// Kept reports whether Keep has marked ctx.
func Kept(ctx context.Context) bool { return ctx.Value(keepKey{}) != nil }
