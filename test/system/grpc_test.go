package system

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/rpc/pb/delaypb"
	"github.com/podinfo-targets/podinfo/rpc/pb/echopb"
	"github.com/podinfo-targets/podinfo/rpc/pb/envpb"
	"github.com/podinfo-targets/podinfo/rpc/pb/headerpb"
	"github.com/podinfo-targets/podinfo/rpc/pb/infopb"
	"github.com/podinfo-targets/podinfo/rpc/pb/pluginpb"
	"github.com/podinfo-targets/podinfo/rpc/pb/statuspb"
	"github.com/podinfo-targets/podinfo/rpc/pb/tokenpb"
	"github.com/podinfo-targets/podinfo/rpc/pb/versionpb"
)

func connect(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// callEverything makes a call of every service but the one that ends the process, and returns what they answered.
func callEverything(t *testing.T, address string) (answers []string) {
	t.Helper()
	conn := connect(t, address)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer not.a.token")
	refused := map[string]codes.Code{"plugins": codes.Unimplemented, "validate": codes.Unauthenticated}
	for method, call := range map[string]func() (any, error){
		"delay": func() (any, error) { return delaypb.NewDelayServiceClient(conn).Delay(ctx, &delaypb.DelayRequest{}) },
		"echo": func() (any, error) {
			return echopb.NewEchoServiceClient(conn).Echo(ctx, &echopb.Message{Body: "hello"})
		},
		"env": func() (any, error) { return envpb.NewEnvServiceClient(conn).Env(ctx, &envpb.EnvRequest{}) },
		"header": func() (any, error) {
			return headerpb.NewHeaderServiceClient(conn).Header(ctx, &headerpb.HeaderRequest{})
		},
		"info": func() (any, error) { return infopb.NewInfoServiceClient(conn).Info(ctx, &infopb.InfoRequest{}) },
		"plugins": func() (any, error) {
			return pluginpb.NewPluginServiceClient(conn).List(ctx, &pluginpb.ListRequest{})
		},
		"status": func() (any, error) {
			return statuspb.NewStatusServiceClient(conn).Status(ctx, &statuspb.StatusRequest{Code: "Ok"})
		},
		"version": func() (any, error) {
			return versionpb.NewVersionServiceClient(conn).Version(ctx, &versionpb.VersionRequest{})
		},
		"generate": func() (any, error) {
			return tokenpb.NewTokenServiceClient(conn).TokenGenerate(ctx, &tokenpb.TokenRequest{})
		},
		"validate": func() (any, error) {
			return tokenpb.NewTokenServiceClient(conn).TokenValidate(ctx, &tokenpb.TokenRequest{})
		},
	} {
		answer, err := call()
		if want := refused[method]; status.Code(err) != want {
			t.Errorf("%s by gRPC: %v, want %s", method, err, want)
		}
		answers = append(answers, fmt.Sprint(answer, err))
	}
	return answers
}

// TestBadCalls sends gRPC what is too large, too late or unknown.
func TestBadCalls(t *testing.T) {
	t.Parallel()
	p := start(t)
	conn := connect(t, p.GRPCAddr)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	echo := func(ctx context.Context, body string) error {
		_, err := echopb.NewEchoServiceClient(conn).Echo(ctx, &echopb.Message{Body: body})
		return err
	}
	hurried, hurry := context.WithTimeout(ctx, patience/40)
	defer hurry()
	_, late := delaypb.NewDelayServiceClient(conn).Delay(hurried, &delaypb.DelayRequest{Seconds: 3600})
	_, never := delaypb.NewDelayServiceClient(conn).Delay(ctx, &delaypb.DelayRequest{Seconds: 1 << 62})
	unknown := &statuspb.StatusRequest{Code: strings.Repeat("9", 1000)}
	_, unsaid := statuspb.NewStatusServiceClient(conn).Status(ctx, unknown)
	crowded := metadata.AppendToOutgoingContext(ctx, "a", strings.Repeat("a", 2<<20))
	message := &echopb.Message{Body: "hello"}
	for _, bad := range []struct {
		name string
		err  error
		want codes.Code
	}{
		{"too large", echo(ctx, strings.Repeat("a", 5<<20)), codes.ResourceExhausted},
		{"too much metadata", echo(crowded, ""), codes.Internal},
		{"too late", late, codes.DeadlineExceeded},
		{"never", never, codes.InvalidArgument},
		{"unknown status", unsaid, codes.InvalidArgument},
		{"unknown method", conn.Invoke(ctx, "/echo.EchoService/Nothing", message, message), codes.Unimplemented},
		{"wrong message", conn.Invoke(ctx, "/delay.DelayService/Delay", message, message), codes.OK},
	} {
		if status.Code(bad.err) != bad.want {
			t.Errorf("%s: %v, want %s", bad.name, bad.err, bad.want)
		}
	}
	callEverything(t, p.GRPCAddr)
	p.isAlive(t)
}
