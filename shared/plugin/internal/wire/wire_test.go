package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

func TestValuesTravelBothWays(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, transport contract.Transport) {
		client := connect(t, transport, encoding(echo), ClientOptions{})
		for _, c := range carried() {
			want := c.want
			if want == nil {
				want = c.value
			}
			for name, call := range map[string]method{"encode": client.Encode, "decode": client.Decode} {
				if got, err := call(t.Context(), c.value); err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%s of %s: %#v became %#v, %v; want %#v", name, c.name, c.value, got, err, want)
				}
			}
		}
	})
}

func TestInfo(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, transport contract.Transport) {
		for _, c := range []struct {
			name       string
			info, want contract.Info
			err        error
			fails      error
		}{
			{name: "all", info: contract.Info{
				Name: "CBOR", Version: "1.2.3", Description: "A sentence.", ContentType: "application/cbor",
			}},
			{name: "none"},
			{name: "with control characters", info: contract.Info{Name: "a\nb"}, want: contract.Info{Name: `a\nb`}},
			{name: "content type that is none", info: contract.Info{ContentType: "a\r\nb"}, fails: contract.ErrAnswer},
			{name: "error", err: errors.New("no"), fails: contract.ErrRefused},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				p := encoding(echo)
				p.info = func(context.Context) (contract.Info, error) { return c.info, c.err }
				got, err := connect(t, transport, p, ClientOptions{}).Info(t.Context())
				if c.want == (contract.Info{}) && c.fails == nil {
					c.want = c.info
				}
				if got != c.want || !errors.Is(err, c.fails) {
					t.Errorf("got %+v, %v; want %+v and %v", got, err, c.want, c.fails)
				}
			})
		}
	})
}

func TestErrorsAreThoseOfTheCall(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, transport contract.Transport) {
		client := connect(t, transport, encoding(func(ctx context.Context, v any) (any, error) {
			switch v {
			case "refuse":
				return nil, errors.New("bad frame: CRC is 0x1234\x1b[31m")
			case "refuse at length":
				return nil, errors.New(strings.Repeat("ä\n", 4<<10))
			case "refuse in silence":
				return nil, errors.New("")
			case "deadline of its own":
				return nil, context.DeadlineExceeded
			case "panic":
				panic("index out of range")
			case "cat":
				return Cat{}, nil
			case "cats":
				return map[string]any{"cats": []any{&Cat{}}}, nil
			case "deep":
				return nested(maxDepth + 1), nil
			case "large":
				return make([]byte, MaxMessage+1), nil
			}
			return v, ctx.Err()
		}), ClientOptions{})
		for _, c := range []struct {
			value any
			kind  error
			says  string
		}{
			{"refuse", contract.ErrRefused, `refused: bad frame: CRC is 0x1234\x1b[31m`},
			{"refuse at length", contract.ErrRefused, `ä\nä\n`},
			{"refuse in silence", contract.ErrRefused, "gives no reason"},
			{"deadline of its own", contract.ErrRefused, "deadline exceeded"},
			{"panic", contract.ErrAnswer, "panicked: index out of range"},
			{"cat", contract.ErrAnswer, "wire.Cat is not registered; call plugin.Register"},
			{"cats", contract.ErrAnswer, "wire.Cat is not registered; call plugin.Register"},
			{"deep", contract.ErrAnswer, "more than 100 deep"},
			{"large", contract.ErrAnswer, "more than 16777216 bytes"},
			{Cat{}, contract.ErrInvalid, "wire.Cat is not registered; call plugin.Register"},
			{nested(maxDepth + 1), contract.ErrInvalid, "more than 100 deep"},
			{make([]byte, MaxMessage+1), contract.ErrTooLarge, "more than 16777216 bytes"},
		} {
			_, err := client.Encode(t.Context(), c.value)
			if !errors.Is(err, c.kind) || Lost(err) {
				t.Errorf("%.20v: error %v (lost: %t), want one of the kind %v", c.value, err, Lost(err), c.kind)
				continue
			}
			if !strings.Contains(err.Error(), c.says) || len(err.Error()) > maxText+100 {
				t.Errorf("%.20v: error %.1100q does not say %q, or is too long", c.value, err, c.says)
			}
			if got, err := client.Encode(t.Context(), "still there"); got != "still there" || err != nil {
				t.Fatalf("after %.20v the connection is of no use: %v, %v", c.value, got, err)
			}
		}
	})
}

func TestValuesUpToTheLimit(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, transport contract.Transport) {
		client := connect(t, transport, encoding(echo), ClientOptions{})
		largest := bytes.Repeat([]byte{1}, MaxMessage)
		if got, err := client.Encode(t.Context(), largest); err != nil || !bytes.Equal(got.([]byte), largest) {
			t.Errorf("%d bytes: %v", MaxMessage, err)
		}
		small := connect(t, transport, encoding(echo), ClientOptions{MaxMessage: 10})
		if _, err := small.Encode(t.Context(), make([]byte, 11)); !errors.Is(err, contract.ErrTooLarge) {
			t.Errorf("11 bytes of at most 10: %v", err)
		}
		if _, err := small.Encode(t.Context(), make([]byte, 10)); err != nil {
			t.Errorf("10 bytes of at most 10: %v", err)
		}
	})
}

func TestCallsRunSideBySide(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, transport contract.Transport) {
		const callers, calls = 16, 50
		var both sync.WaitGroup
		both.Add(callers)
		client := connect(t, transport, encoding(func(_ context.Context, v any) (any, error) {
			if strings.HasSuffix(v.(string), " 0") {
				both.Done()
				both.Wait() // all callers are here at once
			}
			return v, nil
		}), ClientOptions{})
		var callersDone sync.WaitGroup
		for caller := range callers {
			callersDone.Go(func() {
				for call := range calls {
					want := fmt.Sprintf("%d %d", caller, call)
					if got, err := client.Encode(t.Context(), want); got != want || err != nil {
						t.Errorf("%s became %v, %v", want, got, err)
					}
				}
			})
		}
		callersDone.Wait()
	})
}

func TestTheEndOfTheContextEndsTheCall(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, transport contract.Transport) {
		release := make(chan struct{})
		stuck := encoding(func(context.Context, any) (any, error) {
			<-release
			return nil, nil
		})
		client := connect(t, transport, stuck, ClientOptions{})
		t.Cleanup(func() { close(release) }) // before the server is stopped, which waits for the call
		deadline, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := client.Encode(deadline, nil); !errors.Is(err, context.DeadlineExceeded) || Lost(err) {
			t.Errorf("after the deadline: %v", err)
		}
		canceled, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		if _, err := client.Encode(canceled, nil); !errors.Is(err, context.Canceled) || Lost(err) {
			t.Errorf("canceled: %v", err)
		}
		if _, err := client.Encode(canceled, nil); !errors.Is(err, context.Canceled) || Lost(err) {
			t.Errorf("canceled before: %v", err)
		}
		if got, err := client.Decode(t.Context(), "fine"); got != "fine" || err != nil {
			t.Errorf("the next call: %v, %v", got, err)
		}
	})
}

func TestTheDeadlineReachesThePlugin(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, transport contract.Transport) {
		ended := make(chan error, 1)
		client := connect(t, transport, encoding(func(ctx context.Context, v any) (any, error) {
			if v == "deadline" {
				deadline, ok := ctx.Deadline()
				return []any{ok, time.Until(deadline).Seconds()}, nil
			}
			<-ctx.Done()
			ended <- ctx.Err()
			return nil, ctx.Err()
		}), ClientOptions{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		got, err := client.Encode(ctx, "deadline")
		if err != nil {
			t.Fatal(err)
		}
		if list := got.([]any); list[0] != true || list[1].(float64) < 30 || list[1].(float64) > 60 {
			t.Errorf("the plugin has the deadline %v", list)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := client.Encode(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if err := <-ended; !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			t.Errorf("the plugin's context ended with %v", err)
		}
		got, err = client.Encode(t.Context(), "deadline")
		if err != nil || got.([]any)[0] != false {
			t.Errorf("without a deadline the plugin has one: %v, %v", got, err)
		}
	})
}

// traced returns ctx with a remote span and a baggage.
func traced(ctx context.Context, t testing.TB) (context.Context, trace.SpanContext) {
	t.Helper()
	state, err := trace.ParseTraceState("vendor=1")
	if err != nil {
		t.Fatal(err)
	}
	span := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID:    trace.TraceID{1, 2, 3},
		SpanID:     trace.SpanID{4, 5},
		TraceFlags: trace.FlagsSampled,
		TraceState: state,
		Remote:     true,
	})
	member, err := baggage.NewMember("tenant", "blue")
	if err != nil {
		t.Fatal(err)
	}
	bag, err := baggage.New(member)
	if err != nil {
		t.Fatal(err)
	}
	return baggage.ContextWithBaggage(trace.ContextWithSpanContext(ctx, span), bag), span
}

func TestTheTraceReachesThePlugin(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, transport contract.Transport) {
		var got trace.SpanContext
		var tenant string
		client := connect(t, transport, encoding(func(ctx context.Context, _ any) (any, error) {
			got = trace.SpanContextFromContext(ctx)
			tenant = baggage.FromContext(ctx).Member("tenant").Value()
			return nil, nil
		}), ClientOptions{})
		ctx, want := traced(t.Context(), t)
		if _, err := client.Encode(ctx, nil); err != nil {
			t.Fatal(err)
		}
		if !got.Equal(want) || tenant != "blue" {
			t.Errorf("the plugin has the span %+v and the tenant %q, want %+v and blue", got, tenant, want)
		}
		if _, err := client.Encode(t.Context(), nil); err != nil || got.IsValid() || tenant != "" {
			t.Errorf("a call without a trace has %+v and %q, %v", got, tenant, err)
		}
	})
}

func TestTheEndOfTheConnection(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, transport contract.Transport) {
		started, release := make(chan struct{}), make(chan struct{})
		client, connection := dispense(t, transport, ServerSets(encoding(func(context.Context, any) (any, error) {
			close(started)
			<-release
			return nil, nil
		})), ClientOptions{})
		t.Cleanup(func() { close(release) })
		inFlight := make(chan error, 1)
		go func() {
			_, err := client.Encode(t.Context(), nil)
			inFlight <- err
		}()
		<-started
		go func() { _ = connection.Close() }()
		if err := <-inFlight; !Lost(err) {
			t.Errorf("the call in flight: %v, which is not lost", err)
		}
		testkit.Eventually(t, 5*time.Second, "calls to be lost", func() bool {
			_, err := client.Decode(t.Context(), nil)
			return Lost(err)
		})
		_, err := client.Decode(t.Context(), nil)
		if transport == contract.RPC && (err == nil || err.Error() != "connection is shut down") {
			t.Errorf("the next call: %v, want net/rpc's connection is shut down", err)
		}
	})
}
