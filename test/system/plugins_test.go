package system

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/podinfo-targets/podinfo/rpc/pb/pluginpb"
	"github.com/podinfo-targets/podinfo/test/testkit"
)

// startWithPlugins starts podinfo with the sample plugins of both transports, and returns a client of its gRPC API once
// they serve.
func startWithPlugins(t *testing.T, settings ...string) pluginpb.PluginServiceClient {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"protocol-grpc-cbor", "protocol-rpc-msgpack"} {
		testkit.InstallPlugin(t, "plugins/"+name, dir, name)
	}
	p := testkit.StartPodinfo(t, append(settings, "--plugins-path="+dir, "--plugins-poll-interval=100ms")...)
	client := pluginpb.NewPluginServiceClient(connect(t, p.GRPCAddr))
	testkit.Eventually(t, time.Minute, "both plugins to serve", func() bool {
		list, err := client.List(t.Context(), &pluginpb.ListRequest{})
		if err != nil {
			t.Fatal(err)
		}
		ready := 0
		for _, plugin := range list.GetPlugins() {
			if plugin.GetState() == "ready" {
				ready++
			}
		}
		return ready == 2
	})
	return client
}

func TestPluginsOverGRPC(t *testing.T) {
	t.Parallel()
	client := startWithPlugins(t, "PODINFO_PLUGIN_ADMIN_TOKEN=s3cr3t")
	for _, c := range []struct {
		name, contentType string
		encoded           string // {"a":"b"}
	}{
		{"cbor", "application/cbor", "\xa1\x61a\x61b"},
		{"msgpack", "application/vnd.msgpack", "\x81\xa1a\xa1b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			encode := &pluginpb.EncodeRequest{
				Name: c.name, Value: &pluginpb.Value{Form: &pluginpb.Value_Json{Json: `{"a": "b"}`}},
			}
			encoded, err := client.Encode(ctx, encode)
			if err != nil {
				t.Fatal(err)
			}
			if string(encoded.GetValue().GetRaw()) != c.encoded || encoded.GetContentType() != c.contentType {
				t.Errorf("encoded is %v, want %q of type %s", encoded, c.encoded, c.contentType)
			}
			decoded, err := client.Decode(ctx, &pluginpb.DecodeRequest{Name: c.name, Value: encoded.GetValue()})
			if err != nil || decoded.GetValue().GetJson() != `{"a":"b"}` {
				t.Errorf("decoded is %v, %v; want the value that was encoded", decoded, err)
			}
			_, err = client.Decode(ctx, &pluginpb.DecodeRequest{
				Name: c.name, Value: &pluginpb.Value{Form: &pluginpb.Value_Raw{Raw: []byte("\x91")}},
			})
			wantCode(t, err, codes.InvalidArgument)
			kill := &pluginpb.KillRequest{Name: c.name}
			_, err = client.Kill(ctx, kill)
			wantCode(t, err, codes.PermissionDenied)

			operator := metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer s3cr3t")
			killed, err := client.Kill(operator, kill)
			if err != nil || killed.GetState() != "stopped" || killed.GetPid() != 0 {
				t.Fatalf("killed is %v, %v", killed, err)
			}
			_, err = client.Encode(ctx, encode)
			wantCode(t, err, codes.Unavailable)
			started, err := client.Start(operator, &pluginpb.StartRequest{Name: c.name})
			if err != nil || started.GetState() != "ready" || started.GetPid() == 0 {
				t.Fatalf("started is %v, %v", started, err)
			}
			reloaded, err := client.Reload(operator, &pluginpb.ReloadRequest{Name: c.name})
			if err != nil || reloaded.GetPid() == started.GetPid() || reloaded.GetReloads() != started.GetReloads()+1 {
				t.Fatalf("reloaded is %v, %v; it was %v", reloaded, err, started)
			}
			if _, err := client.Encode(ctx, encode); err != nil {
				t.Errorf("after the reload: %v", err)
			}
			if _, err := client.Delete(operator, &pluginpb.DeleteRequest{Name: c.name}); err != nil {
				t.Fatal(err)
			}
			testkit.Eventually(t, patience, "the plugin to be gone", func() bool {
				_, err := client.Get(ctx, &pluginpb.GetRequest{Name: c.name})
				return status.Code(err) == codes.NotFound
			})
		})
	}
}

// Without a token nobody manages plugins, whatever they send.
func TestPluginsWithoutAnOperator(t *testing.T) {
	t.Parallel()
	for _, settings := range [][]string{nil, {"PODINFO_PLUGIN_ADMIN_TOKEN=s3cr3t", "--read-only"}} {
		client := startWithPlugins(t, settings...)
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer s3cr3t")
		_, err := client.Kill(ctx, &pluginpb.KillRequest{Name: "cbor"})
		wantCode(t, err, codes.PermissionDenied)
	}
}

func wantCode(t *testing.T, err error, want codes.Code) {
	t.Helper()
	if status.Code(err) != want {
		t.Errorf("the call ended with %v, want %s", err, want)
	}
}
