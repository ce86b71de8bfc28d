package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// Whatever parts and closers there are, and however long each takes to end: a stage's parts end before its closers run,
// the closer registered last runs first, and all of them end before the next stage does. Every error is returned, the
// earliest first.
func TestLifecycle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type one struct {
			stage  stage
			closer bool
			takes  time.Duration
			fails  bool
			breaks time.Duration // 0: it does not end by itself
		}
		list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) one {
			o := one{
				stage: stage(rapid.IntRange(0, int(stages)-1).Draw(t, "stage")), closer: rapid.Bool().Draw(t, "closer"),
				takes: time.Duration(rapid.IntRange(0, 5).Draw(t, "takes")) * time.Second, fails: rapid.Bool().Draw(t, "fails"),
			}
			if !o.closer && o.fails && rapid.Bool().Draw(t, "breaks") {
				o.breaks = time.Duration(rapid.IntRange(1, 100).Draw(t, "after")) * time.Second
			}
			return o
		}), 0, 8).Draw(rt, "list")
		var wrongs []string
		complain := func(format string, args ...any) { wrongs = append(wrongs, fmt.Sprintf(format, args...)) }
		synctest.Test(t, func(*testing.T) {
			l := newLifecycle()
			ended := make(chan int, len(list))
			wrong := 0
			var firstBreak time.Duration
			for i, o := range list {
				end := func() error {
					time.Sleep(o.takes)
					ended <- i
					if o.fails {
						return fmt.Errorf("error of %d", i)
					}
					return nil
				}
				if o.fails {
					wrong++
				}
				if o.closer {
					l.closes(o.stage, end)
					continue
				}
				if o.breaks > 0 && (firstBreak == 0 || o.breaks < firstBreak) {
					firstBreak = o.breaks
				}
				l.run(o.stage, fmt.Sprint("part ", i), func(ctx context.Context) error {
					if o.breaks > 0 {
						select {
						case <-time.After(o.breaks):
							ended <- i
							return fmt.Errorf("error of %d", i)
						case <-ctx.Done():
						}
					}
					<-ctx.Done()
					return end()
				})
			}
			begin := time.Now()
			select {
			case <-l.broken.Done():
			case <-time.After(time.Hour):
			}
			if waited := time.Since(begin); firstBreak > 0 && waited != firstBreak || firstBreak == 0 && waited != time.Hour {
				complain("it broke after %v, the first part after %v", waited, firstBreak)
			}
			err := l.stop()
			close(ended)
			var order []int
			for i := range ended {
				if o := list[i]; o.breaks == 0 {
					order = append(order, i)
				}
			}
			rank := func(i int) int { // the stage, its parts before its closers, the last closer first
				o := list[i]
				if !o.closer {
					return int(o.stage) * 100
				}
				return int(o.stage)*100 + 99 - i
			}
			if !slices.IsSortedFunc(order, func(a, b int) int { return rank(a) - rank(b) }) {
				complain("of %+v, these ended one after the other: %v", list, order)
			}
			got := 0
			if err != nil {
				got = len(strings.Split(err.Error(), "\n"))
			}
			if got != wrong {
				complain("%d errors of %d: %v", got, wrong, err)
			}
			// Of parts that break at the same instant, those that come later may find that their stage has ended already.
			named := firstBreak == 0
			for i, o := range list {
				if o.breaks > 0 && o.breaks == firstBreak {
					named = named || err != nil && strings.Contains(err.Error(), fmt.Sprintf("part %d: error of %d", i, i))
				}
			}
			if !named {
				complain("%v names no part that broke after %v", err, firstBreak)
			}
		})
		if len(wrongs) > 0 {
			rt.Fatal(strings.Join(wrongs, "\n"))
		}
	})
}

// A part that ends by itself without an error ends no other part.
func TestAPartMayEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLifecycle()
		l.run(producing, "the recording", func(context.Context) error { return nil })
		synctest.Wait()
		if l.broken.Err() != nil {
			t.Error("it is broken")
		}
		l.closes(viewing, func() error { return errors.New("disk full") })
		if err := l.stop(); err == nil || err.Error() != "disk full" {
			t.Errorf("error %v", err)
		}
	})
}
