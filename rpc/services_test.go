package rpc_test

import (
	"context"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/podinfo-targets/podinfo/rpc"
	"github.com/podinfo-targets/podinfo/rpc/pb/delaypb"
	"github.com/podinfo-targets/podinfo/rpc/pb/echopb"
	"github.com/podinfo-targets/podinfo/rpc/pb/envpb"
	"github.com/podinfo-targets/podinfo/rpc/pb/headerpb"
	"github.com/podinfo-targets/podinfo/rpc/pb/infopb"
	"github.com/podinfo-targets/podinfo/rpc/pb/panicpb"
	"github.com/podinfo-targets/podinfo/rpc/pb/statuspb"
	"github.com/podinfo-targets/podinfo/rpc/pb/versionpb"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

func TestEcho(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 600) // 1200 bytes; the log's limit of 1024 falls between two characters
	odd := "x" + long                // and here into one
	for _, c := range []struct{ name, body, logged string }{
		{"empty", "", ""},
		{"text", "hello <b>&</b>\n", "hello <b>&</b>\n"},
		{"long", long, strings.Repeat("é", 512) + "… (1200 bytes)"},
		{"long, cut inside a character", odd, "x" + strings.Repeat("é", 511) + "… (1201 bytes)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, nil)
			got, err := echopb.NewEchoServiceClient(r.conn).Echo(within(t), &echopb.Message{Body: c.body})
			if err != nil {
				t.Fatal(err)
			}
			if got.GetBody() != c.body {
				t.Errorf("the echo is %.80q (%d bytes), want the body that was sent", got.GetBody(), len(got.GetBody()))
			}
			entries := r.log.entries(t, "Received message body from client:")
			if len(entries) != 1 || entries[0]["level"] != "info" || entries[0]["input body"] != c.logged {
				t.Errorf("the log has %v, want one line at info with input body = %q", entries, c.logged)
			}
		})
	}
}

func TestMessageSize(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	client := echopb.NewEchoServiceClient(r.conn)
	const (
		limit = 4 << 20
		head  = 5 // the field's tag, and the length of the body in four bytes
	)
	largest := &echopb.Message{Body: strings.Repeat("x", limit-head)}
	if size := proto.Size(largest); size != limit {
		t.Fatalf("the test's message has %d bytes, want %d", size, limit)
	}
	patient := grpc.MaxCallRecvMsgSize(2 * limit) // The limit that is met is the server's.
	if _, err := client.Echo(within(t), largest, patient); err != nil {
		t.Errorf("a message of 4 MiB: %v", err)
	}
	largest.Body += "x"
	if _, err := client.Echo(within(t), largest, patient); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a message of 4 MiB and a byte ended with %v, want ResourceExhausted", err)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	got, err := versionpb.NewVersionServiceClient(r.conn).Version(within(t), &versionpb.VersionRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if want := (&versionpb.VersionResponse{Version: "6.15.0", Commit: "abc123"}); !proto.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestInfo(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	got, err := infopb.NewInfoServiceClient(r.conn).Info(within(t), &infopb.InfoRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := strconv.Atoi(got.GetNumgoroutine()); err != nil || n < 1 {
		t.Errorf("numgoroutine is %q, want a positive number", got.GetNumgoroutine())
	}
	want := &infopb.InfoResponse{
		Hostname: "pod-1", Version: "6.15.0", Revision: "abc123", Color: "#34577c", Logo: "logo.gif", Message: "hi",
		Goos: runtime.GOOS, Goarch: runtime.GOARCH, Runtime: runtime.Version(),
		Numgoroutine: got.GetNumgoroutine(), Numcpu: strconv.Itoa(runtime.NumCPU()),
	}
	if !proto.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEnv(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		environ, want []string
	}{
		{"in the order of the process", []string{"B=2", "A=1", "KEY=********"}, []string{"B=2", "A=1", "KEY=********"}},
		{"empty", nil, nil},
		{"not UTF-8", []string{"A=\xff1"}, []string{"A=\uFFFD1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, func(d *rpc.Deps) { d.Environ = func() []string { return c.environ } })
			got, err := envpb.NewEnvServiceClient(r.conn).Env(within(t), &envpb.EnvRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.GetEnvVars(), c.want) {
				t.Errorf("got %q, want %q", got.GetEnvVars(), c.want)
			}
		})
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	ctx := metadata.AppendToOutgoingContext(within(t),
		"x-two", "2a", "x-two", "2b", "authorization", "Bearer mine", "x-bin", "\xff\x00", "x-one", "1")
	got, err := headerpb.NewHeaderServiceClient(r.conn).Header(ctx, &headerpb.HeaderRequest{})
	if err != nil {
		t.Fatal(err)
	}
	headers := got.GetHeaders()
	if !slices.IsSorted(headers) {
		t.Errorf("the headers are not sorted: %q", headers)
	}
	for _, want := range []string{
		":authority=" + r.addr, "content-type=application/grpc", "x-one=1", "x-two=2a,2b",
		"authorization=Bearer mine", "x-bin=\uFFFD\x00",
	} {
		if !slices.Contains(headers, want) {
			t.Errorf("the headers lack %q: %q", want, headers)
		}
	}
	if !slices.ContainsFunc(headers, func(h string) bool { return strings.HasPrefix(h, "user-agent=grpc-go/") }) {
		t.Errorf("the headers lack the user-agent: %q", headers)
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	client := delaypb.NewDelayServiceClient(r.conn)
	for _, c := range []struct {
		name    string
		seconds int64
		least   time.Duration
	}{
		{"a second", 1, time.Second},
		{"zero", 0, 0},
		{"negative", -5, 0},
		{"the least number", math.MinInt64, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			got, err := client.Delay(within(t), &delaypb.DelayRequest{Seconds: c.seconds})
			if err != nil {
				t.Fatal(err)
			}
			if got.GetMessage() != c.seconds {
				t.Errorf("message is %d, want %d", got.GetMessage(), c.seconds)
			}
			if took := time.Since(begin); took < c.least {
				t.Errorf("the answer came after %s, want at least %s", took, c.least)
			}
		})
	}
}

func TestDelayTooLong(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	client := delaypb.NewDelayServiceClient(r.conn)
	for _, seconds := range []int64{9223372037, math.MaxInt64} {
		_, err := client.Delay(within(t), &delaypb.DelayRequest{Seconds: seconds})
		wantStatus(t, err, codes.InvalidArgument,
			"seconds is "+strconv.FormatInt(seconds, 10)+": use at most 9223372036")
	}
}

// The server must stop waiting too, which shows in its metrics: a call is counted as handled when its handler returned.
func TestDelayEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		end  func(context.Context) (context.Context, context.CancelFunc)
		code codes.Code
	}{
		{"canceled", context.WithCancel, codes.Canceled},
		{"deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 50*time.Millisecond)
		}, codes.DeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, nil)
			ctx, cancel := c.end(within(t))
			defer cancel()
			ended := make(chan error, 1)
			go func() {
				_, err := delaypb.NewDelayServiceClient(r.conn).Delay(ctx, &delaypb.DelayRequest{Seconds: 9223372036})
				ended <- err
			}()
			const call = "delay.DelayService unary"
			if c.code == codes.Canceled {
				testkit.Eventually(t, patience, "the call to reach the server", func() bool {
					return r.series(t, "grpc_server_started_total")["Delay "+call] == 1
				})
				cancel()
			}
			if err := <-ended; status.Code(err) != c.code {
				t.Errorf("the call ended with %v, want %s", err, c.code)
			}
			testkit.Eventually(t, patience, "the handler to return", func() bool {
				handled := r.series(t, "grpc_server_handled_total")
				return handled["Canceled Delay "+call]+handled["DeadlineExceeded Delay "+call] == 1
			})
		})
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	client := statuspb.NewStatusServiceClient(r.conn)
	for name, code := range map[string]codes.Code{
		"Canceled": 1, "Unknown": 2, "InvalidArgument": 3, "DeadlineExceeded": 4, "NotFound": 5, "AlreadyExists": 6,
		"PermissionDenied": 7, "ResourceExhausted": 8, "FailedPrecondition": 9, "Aborted": 10, "OutOfRange": 11,
		"Unimplemented": 12, "Internal": 13, "Unavailable": 14, "DataLoss": 15, "Unauthenticated": 16,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := client.Status(within(t), &statuspb.StatusRequest{Code: name})
			wantStatus(t, err, code, "")
		})
	}
	t.Run("Ok", func(t *testing.T) {
		t.Parallel()
		got, err := client.Status(within(t), &statuspb.StatusRequest{Code: "Ok"})
		if err != nil {
			t.Fatal(err)
		}
		if got.GetStatus() != "Ok" {
			t.Errorf("status is %q, want Ok", got.GetStatus())
		}
	})
	for _, name := range []string{"OK", "ok", "5", "", "NOT_FOUND", "Code(17)", strings.Repeat("x", 1<<20)} {
		t.Run("unknown name "+name[:min(len(name), 9)], func(t *testing.T) {
			t.Parallel()
			_, err := client.Status(within(t), &statuspb.StatusRequest{Code: name})
			got := status.Convert(err)
			if got.Code() != codes.InvalidArgument || !strings.Contains(got.Message(), "there is no status") {
				t.Errorf("the call ended with %v, want InvalidArgument with help", err)
			}
			if len(got.Message()) > 300 {
				t.Errorf("the message repeats a name without bound: %d bytes", len(got.Message()))
			}
		})
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	_, err := panicpb.NewPanicServiceClient(r.conn).Panic(within(t), &panicpb.PanicRequest{})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("the call ended with %v, want Unavailable", err)
	}
	select {
	case code := <-r.exits:
		if code != 255 {
			t.Errorf("the process would exit with %d, want 255", code)
		}
	default:
		t.Error("the process was not asked to exit")
	}
	if entries := r.log.entries(t, "Panic command received"); len(entries) != 1 || entries[0]["level"] != "info" {
		t.Errorf("the log has %v, want one line at info", entries)
	}
}

func TestPanicRefused(t *testing.T) {
	t.Parallel()
	r := start(t, func(d *rpc.Deps) { d.Exit = nil })
	_, err := panicpb.NewPanicServiceClient(r.conn).Panic(within(t), &panicpb.PanicRequest{})
	wantStatus(t, err, codes.PermissionDenied, "callers may not end this server")
}
