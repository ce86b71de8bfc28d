package load

import (
	"fmt"
	"math"
	"math/rand/v2"

	"chordconductor/conductor/lab/scenario"
)

// A chooser picks key numbers from 0 to n-1.
type chooser func(r *rand.Rand) int

// newChooser returns the chooser of a distribution. The most used keys have the lowest numbers; since keys are hashed
// onto the circle, they are spread over it.
func newChooser(d scenario.Distribution, n int) chooser {
	switch d {
	case scenario.KeysZipf:
		return newZipf(n, zipfExponent).next
	case scenario.KeysHotspot:
		hot := max(1, n/100)
		return func(r *rand.Rand) int {
			if hot == n || r.Float64() < 0.9 {
				return r.IntN(hot)
			}
			return hot + r.IntN(n-hot)
		}
	case scenario.KeysSequential:
		next := -1
		return func(*rand.Rand) int {
			next = (next + 1) % n
			return next
		}
	default:
		return func(r *rand.Rand) int { return r.IntN(n) }
	}
}

// KeyName returns the name of key number i in the ring.
func KeyName(i int) []byte { return fmt.Appendf(nil, "quote/%06d", i) }

// zipfExponent is the exponent that is usual in benchmarks of key-value stores.
const zipfExponent = 0.99

// A zipf draws k from 1..n with probability in proportion to k^-s, by rejection inversion: W. Hörmann and G. Derflinger,
// "Rejection-inversion to generate variates from monotone discrete distributions", ACM TOMACS 6(3), 1996. It needs no
// table and, unlike the standard library's, takes exponents of 1 and below.
type zipf struct {
	n           float64
	s           float64
	low, high   float64 // the integral's range
	acceptBelow float64 // distance to k within which no test is needed
}

func newZipf(n int, s float64) *zipf {
	z := &zipf{n: float64(n), s: s}
	z.low = z.integral(1.5) - 1
	z.high = z.integral(z.n + 0.5)
	z.acceptBelow = 2 - z.inverse(z.integral(2.5)-z.density(2))
	return z
}

func (z *zipf) next(r *rand.Rand) int {
	for {
		u := z.high + r.Float64()*(z.low-z.high)
		x := z.inverse(u)
		k := min(max(math.Floor(x+0.5), 1), z.n)
		if k-x <= z.acceptBelow || u >= z.integral(k+0.5)-z.density(k) {
			return int(k) - 1
		}
	}
}

func (z *zipf) density(x float64) float64 { return math.Exp(-z.s * math.Log(x)) }

// integral returns the integral of the density, (x^(1-s) - 1) / (1-s), in a form that is also valid for s = 1.
func (z *zipf) integral(x float64) float64 {
	l := math.Log(x)
	return expm1OverX((1-z.s)*l) * l
}

func (z *zipf) inverse(u float64) float64 {
	t := max(u*(1-z.s), -1) // since rounding could give less
	return math.Exp(log1pOverX(t) * u)
}

// expm1OverX returns (e^x - 1) / x, and log1pOverX returns ln(1+x) / x; both are also defined at 0.
func expm1OverX(x float64) float64 {
	if math.Abs(x) > 1e-8 {
		return math.Expm1(x) / x
	}
	return 1 + x/2
}

func log1pOverX(x float64) float64 {
	if math.Abs(x) > 1e-8 {
		return math.Log1p(x) / x
	}
	return 1 - x/2
}
