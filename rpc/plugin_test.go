package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/podinfo-targets/podinfo/rpc"
	"github.com/podinfo-targets/podinfo/rpc/pb/pluginpb"
	"github.com/podinfo-targets/podinfo/shared/plugin/admin"
	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

const adminToken = "the operator's"

// since is a time in a zone that is not UTC.
var since = time.Date(2026, 11, 22, 11, 28, 41, 500_000_000, time.FixedZone("CET", 3600))

// pluginHost is a host with one plugin, protocol-grpc-mirror, that answers what it is given, or what the test says.
type pluginHost struct {
	status contract.Status
	err    error // of every call
	answer any   // of Encode and Decode, instead of what they are given

	given  any      // to the last Encode or Decode
	called []string // methods that change something
}

func newPluginHost() *pluginHost {
	return &pluginHost{status: contract.Status{
		Name: "protocol-grpc-mirror", Transport: contract.GRPC, State: contract.Ready, Since: since, SHA256: "abc",
		PID: 42, Restarts: 1, Reloads: 2, InFlight: 3, Error: "the last reload failed",
		Info: &contract.Info{Name: "Mirror", Version: "1.2.3", Description: "Says it again.", ContentType: "text/x-m"},
	}}
}

func (h *pluginHost) List() []contract.Status {
	return []contract.Status{h.status, {Name: "protocol-rpc-other", Transport: contract.RPC, State: contract.Failed}}
}

func (h *pluginHost) Get(name string) (contract.Status, error) {
	if name != h.status.Name && name != "mirror" {
		return contract.Status{}, fmt.Errorf("there is no plugin %q: %w", name, contract.ErrNotFound)
	}
	return h.status, nil
}

func (h *pluginHost) convert(name string, v any) (any, error) {
	if _, err := h.Get(name); err != nil {
		return nil, err
	}
	h.given = v
	if h.err != nil {
		return nil, h.err
	}
	if h.answer != nil {
		return h.answer, nil
	}
	return v, nil
}

func (h *pluginHost) Encode(_ context.Context, name string, v any) (any, error) {
	return h.convert(name, v)
}

func (h *pluginHost) Decode(_ context.Context, name string, v any) (any, error) {
	return h.convert(name, v)
}

func (h *pluginHost) manage(method, name string) (contract.Status, error) {
	h.called = append(h.called, method+" "+name)
	if h.err != nil {
		return contract.Status{}, h.err
	}
	return h.Get(name)
}

func (h *pluginHost) Reload(_ context.Context, name string) (contract.Status, error) {
	return h.manage("Reload", name)
}

func (h *pluginHost) Kill(_ context.Context, name string) (contract.Status, error) {
	return h.manage("Kill", name)
}

func (h *pluginHost) Start(_ context.Context, name string) (contract.Status, error) {
	return h.manage("Start", name)
}

func (h *pluginHost) Delete(_ context.Context, name string) error {
	_, err := h.manage("Delete", name)
	return err
}

// startPlugins serves the API with the plugins of h.
func startPlugins(t *testing.T, h *pluginHost) (pluginpb.PluginServiceClient, *rig) {
	t.Helper()
	r := start(t, func(d *rpc.Deps) { d.Plugins, d.PluginAdmin = h, admin.New(adminToken, false) })
	return pluginpb.NewPluginServiceClient(r.conn), r
}

func raw(b string) *pluginpb.Value {
	return &pluginpb.Value{Form: &pluginpb.Value_Raw{Raw: []byte(b)}}
}

func inJSON(text string) *pluginpb.Value {
	return &pluginpb.Value{Form: &pluginpb.Value_Json{Json: text}}
}

var mirror = &pluginpb.Plugin{
	Name: "protocol-grpc-mirror", Transport: "grpc", State: "ready", Since: "2026-11-22T10:28:41.5Z",
	Error: "the last reload failed", Sha256: "abc", Pid: 42, Restarts: 1, Reloads: 2, InFlight: 3,
	Info: &pluginpb.PluginInfo{
		Name: "Mirror", Version: "1.2.3", Description: "Says it again.", ContentType: "text/x-m",
	},
}

func TestPluginList(t *testing.T) {
	t.Parallel()
	client, _ := startPlugins(t, newPluginHost())
	got, err := client.List(within(t), &pluginpb.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want := &pluginpb.ListResponse{Plugins: []*pluginpb.Plugin{mirror, {
		Name: "protocol-rpc-other", Transport: "rpc", State: "failed", Since: "0001-01-01T00:00:00Z",
	}}}
	if !proto.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPluginGet(t *testing.T) {
	t.Parallel()
	client, _ := startPlugins(t, newPluginHost())
	for _, name := range []string{"protocol-grpc-mirror", "mirror"} {
		got, err := client.Get(within(t), &pluginpb.GetRequest{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(got, mirror) {
			t.Errorf("got %v, want %v", got, mirror)
		}
	}
	_, err := client.Get(within(t), &pluginpb.GetRequest{Name: "none"})
	wantStatus(t, err, codes.NotFound, `there is no plugin "none": not found`)
}

// What a plugin says of itself may be no UTF-8, which no protobuf string can hold.
func TestPluginThatSaysNoText(t *testing.T) {
	t.Parallel()
	h := newPluginHost()
	h.status.Info, h.status.Error = &contract.Info{Name: "\xff", ContentType: "\xff"}, "\xff"
	client, _ := startPlugins(t, h)
	got, err := client.Get(within(t), &pluginpb.GetRequest{Name: "mirror"})
	if err != nil {
		t.Fatal(err)
	}
	if got.GetError() != "\uFFFD" || got.GetInfo().GetName() != "\uFFFD" {
		t.Errorf("got %v, want U+FFFD in place of what is no text", got)
	}
	encoded, err := client.Encode(within(t), &pluginpb.EncodeRequest{Name: "mirror", Value: raw("x")})
	if err != nil || encoded.GetContentType() != "application/octet-stream" {
		t.Errorf("the content type is %q, %v; want that of any bytes", encoded.GetContentType(), err)
	}
}

func TestPluginConverts(t *testing.T) {
	t.Parallel()
	const own, octets, ofJSON = "text/x-m", "application/octet-stream", "application/json"
	for _, c := range []struct {
		name        string
		value       *pluginpb.Value
		encoder     any // what Encode is given
		decoder     any // what Decode is given
		answer      any // of the plugin, or nil for what it was given
		encoded     *pluginpb.Value
		encodedType string
		decoded     *pluginpb.Value
		decodedType string
	}{
		{name: "bytes", value: raw("\xff\x00"), encoder: []byte("\xff\x00"), decoder: []byte("\xff\x00"),
			encoded: raw("\xff\x00"), encodedType: own, decoded: raw("\xff\x00"), decodedType: octets},
		{name: "no bytes", value: raw(""), encoder: []byte{}, decoder: []byte{},
			encoded: raw(""), encodedType: own, decoded: raw(""), decodedType: octets},
		{name: "JSON", value: inJSON(`{"a": [1, 2.0, null]}`),
			encoder: map[string]any{"a": []any{int64(1), 2.0, nil}}, decoder: map[string]any{"a": []any{int64(1), 2.0, nil}},
			encoded: inJSON(`{"a":[1,2.0,null]}`), encodedType: ofJSON,
			decoded: inJSON(`{"a":[1,2.0,null]}`), decodedType: ofJSON},
		{name: "a string", value: inJSON(`"aGk="`), encoder: "aGk=", decoder: []byte("hi"),
			encoded: inJSON(`"aGk="`), encodedType: ofJSON, decoded: raw("hi"), decodedType: octets},
		{name: "bytes within", value: raw("x"), encoder: []byte("x"), decoder: []byte("x"), answer: []any{[]byte("hi")},
			encoded: inJSON(`["aGk="]`), encodedType: ofJSON, decoded: inJSON(`["aGk="]`), decodedType: ofJSON},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newPluginHost()
			h.answer = c.answer
			client, _ := startPlugins(t, h)
			encoded, err := client.Encode(within(t), &pluginpb.EncodeRequest{Name: "mirror", Value: c.value})
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(h.given, c.encoder) {
				t.Errorf("Encode was given %#v, want %#v", h.given, c.encoder)
			}
			want := &pluginpb.EncodeResponse{Value: c.encoded, ContentType: c.encodedType}
			if !proto.Equal(encoded, want) {
				t.Errorf("Encode answers %v, want %v", encoded, want)
			}
			decoded, err := client.Decode(within(t), &pluginpb.DecodeRequest{Name: "mirror", Value: c.value})
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(h.given, c.decoder) {
				t.Errorf("Decode was given %#v, want %#v", h.given, c.decoder)
			}
			if want := (&pluginpb.DecodeResponse{Value: c.decoded, ContentType: c.decodedType}); !proto.Equal(decoded, want) {
				t.Errorf("Decode answers %v, want %v", decoded, want)
			}
		})
	}
}

func TestPluginValueRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		value  *pluginpb.Value
		encode bool // whether Encode takes it
		want   string
	}{
		{"no value", nil, false, "set value.raw or value.json"},
		{"an empty value", &pluginpb.Value{}, false, "set value.raw or value.json"},
		{"no JSON", inJSON(""), false, "there is no JSON"},
		{"half JSON", inJSON(`{"a": `), false, "unexpected end"},
		{"a member twice", inJSON(`{"a": 1, "a": 2}`), false, `a member twice (at $["a"])`},
		{"a string that is not base64", inJSON(`"hi!"`), true, "base64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client, _ := startPlugins(t, newPluginHost())
			_, encodeErr := client.Encode(within(t), &pluginpb.EncodeRequest{Name: "mirror", Value: c.value})
			if c.encode != (encodeErr == nil) {
				t.Errorf("Encode ended with %v", encodeErr)
			}
			_, decodeErr := client.Decode(within(t), &pluginpb.DecodeRequest{Name: "mirror", Value: c.value})
			got := status.Convert(decodeErr)
			if got.Code() != codes.InvalidArgument || !strings.Contains(got.Message(), c.want) {
				t.Errorf("Decode ended with %v, want InvalidArgument with %q", decodeErr, c.want)
			}
			if reason := reasonOf(decodeErr); reason != "INVALID_VALUE" {
				t.Errorf("the reason is %q, want INVALID_VALUE", reason)
			}
		})
	}
}

func TestPluginErrors(t *testing.T) {
	t.Parallel()
	because := func(kind error) error { return fmt.Errorf("mirror: %w: because", kind) }
	for _, c := range []struct {
		err     error
		code    codes.Code
		reason  string
		message string
		retry   time.Duration
	}{
		{err: because(contract.ErrInvalid), code: codes.InvalidArgument, reason: "INVALID_VALUE"},
		{err: because(contract.ErrAmbiguous), code: codes.InvalidArgument, reason: "AMBIGUOUS_NAME"},
		{err: because(contract.ErrRefused), code: codes.InvalidArgument, reason: "REFUSED"},
		{err: because(contract.ErrNotFound), code: codes.NotFound, reason: "NOT_FOUND"},
		{err: because(contract.ErrReloading), code: codes.Aborted, reason: "RELOADING"},
		{err: because(contract.ErrTooLarge), code: codes.ResourceExhausted, reason: "TOO_LARGE"},
		{err: because(contract.ErrBusy), code: codes.ResourceExhausted, reason: "BUSY", retry: time.Second},
		{err: because(contract.ErrReadOnly), code: codes.FailedPrecondition, reason: "READ_ONLY"},
		{err: because(contract.ErrBroken), code: codes.FailedPrecondition, reason: "BROKEN"},
		{err: because(contract.ErrTimeout), code: codes.DeadlineExceeded, reason: "TIMEOUT"},
		{err: because(contract.ErrDied), code: codes.Internal, reason: "DIED"},
		{err: because(contract.ErrAnswer), code: codes.Internal, reason: "UNUSABLE_ANSWER"},
		{err: fmt.Errorf("\xff: %w", contract.ErrRefused), code: codes.InvalidArgument, reason: "REFUSED",
			message: "\uFFFD: refused"},
		{err: fmt.Errorf("waiting: %w", &contract.UnavailableError{
			Name: "protocol-grpc-mirror", State: contract.Backoff, RetryAfter: 1500 * time.Millisecond}),
			code: codes.Unavailable, reason: "UNAVAILABLE", retry: 1500 * time.Millisecond},
		{err: context.DeadlineExceeded, code: codes.DeadlineExceeded},
		{err: fmt.Errorf("gone: %w", context.Canceled), code: codes.Canceled},
		{err: errors.New("/secret/path: broken"), code: codes.Internal,
			message: "the call of the plugin failed; the server's log tells why"},
	} {
		t.Run(c.err.Error(), func(t *testing.T) {
			t.Parallel()
			h := newPluginHost()
			h.err = c.err
			client, r := startPlugins(t, h)
			ctx := metadata.AppendToOutgoingContext(within(t), "authorization", "Bearer "+adminToken)
			_, encodeErr := client.Encode(ctx, &pluginpb.EncodeRequest{Name: "mirror", Value: raw("x")})
			_, reloadErr := client.Reload(ctx, &pluginpb.ReloadRequest{Name: "mirror"})
			_, deleteErr := client.Delete(ctx, &pluginpb.DeleteRequest{Name: "mirror"})
			message := c.message
			if message == "" {
				message = c.err.Error()
			}
			for _, err := range []error{encodeErr, reloadErr, deleteErr} {
				wantStatus(t, err, c.code, message)
				if got := reasonOf(err); got != c.reason {
					t.Errorf("the reason is %q, want %q", got, c.reason)
				}
				if got := retryOf(err); got != c.retry {
					t.Errorf("the time of another try is %s, want %s", got, c.retry)
				}
			}
			logged := r.log.entries(t, "call of a plugin failed")
			if unknown := c.message != "" && c.reason == ""; unknown != (len(logged) > 0) {
				t.Errorf("the log has %v; only errors of no known kind belong there", logged)
			}
		})
	}
}

// An answer that cannot be carried is the plugin's fault, not the client's.
func TestPluginAnswerThatJSONCannotHold(t *testing.T) {
	t.Parallel()
	h := newPluginHost()
	h.answer = []any{math.NaN()}
	client, _ := startPlugins(t, h)
	_, err := client.Decode(within(t), &pluginpb.DecodeRequest{Name: "mirror", Value: raw("x")})
	wantStatus(t, err, codes.Internal, "unusable answer: JSON cannot hold the number NaN (at $[0])")
	if reason := reasonOf(err); reason != "UNUSABLE_ANSWER" {
		t.Errorf("the reason is %q, want UNUSABLE_ANSWER", reason)
	}
}

// managing are the calls that need the admin token, by their names.
func managing(client pluginpb.PluginServiceClient) map[string]func(context.Context) (*pluginpb.Plugin, error) {
	return map[string]func(context.Context) (*pluginpb.Plugin, error){
		"Reload": func(ctx context.Context) (*pluginpb.Plugin, error) {
			return client.Reload(ctx, &pluginpb.ReloadRequest{Name: "mirror"})
		},
		"Kill": func(ctx context.Context) (*pluginpb.Plugin, error) {
			return client.Kill(ctx, &pluginpb.KillRequest{Name: "mirror"})
		},
		"Start": func(ctx context.Context) (*pluginpb.Plugin, error) {
			return client.Start(ctx, &pluginpb.StartRequest{Name: "mirror"})
		},
		"Delete": func(ctx context.Context) (*pluginpb.Plugin, error) {
			_, err := client.Delete(ctx, &pluginpb.DeleteRequest{Name: "mirror"})
			return mirror, err
		},
	}
}

func TestPluginManagement(t *testing.T) {
	t.Parallel()
	h := newPluginHost()
	client, _ := startPlugins(t, h)
	ctx := metadata.AppendToOutgoingContext(within(t), "authorization", "Bearer "+adminToken)
	for name, call := range managing(client) {
		h.called = nil
		got, err := call(ctx)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !proto.Equal(got, mirror) {
			t.Errorf("%s answers %v, want %v", name, got, mirror)
		}
		if want := []string{name + " mirror"}; !reflect.DeepEqual(h.called, want) {
			t.Errorf("the host was called for %q, want %q", h.called, want)
		}
	}
}

func TestPluginManagementNeedsTheToken(t *testing.T) {
	t.Parallel()
	gate := admin.New(adminToken, false)
	for _, c := range []struct {
		name, authorization string
		gate                admin.Gate
		want                string
	}{
		{"none", "", gate, "send it as Authorization: Bearer TOKEN"},
		{"wrong", "Bearer of bad news", gate, "send it as Authorization: Bearer TOKEN"},
		{"without the scheme", adminToken, gate, "send it as Authorization: Bearer TOKEN"},
		{"a server without one", "Bearer " + adminToken, admin.Gate{}, "the server has no token"},
		{"a server that is read-only", "Bearer " + adminToken, admin.New(adminToken, true), "read-only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newPluginHost()
			r := start(t, func(d *rpc.Deps) { d.Plugins, d.PluginAdmin = h, c.gate })
			ctx := within(t)
			if c.authorization != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", c.authorization)
			}
			for name, call := range managing(pluginpb.NewPluginServiceClient(r.conn)) {
				_, err := call(ctx)
				if status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s ended with %v, want PermissionDenied with %q", name, err, c.want)
				}
				if reason := reasonOf(err); reason != "ADMIN_TOKEN" {
					t.Errorf("%s: the reason is %q, want ADMIN_TOKEN", name, reason)
				}
			}
			if h.called != nil {
				t.Errorf("the host was called for %q in spite of that", h.called)
			}
		})
	}
}

func TestServerWithoutPlugins(t *testing.T) {
	t.Parallel()
	r := start(t, func(d *rpc.Deps) { d.PluginAdmin = admin.New(adminToken, false) })
	client := pluginpb.NewPluginServiceClient(r.conn)
	ctx := metadata.AppendToOutgoingContext(within(t), "authorization", "Bearer "+adminToken)
	const reason = "this server runs no plugins; start it with --plugins-path"
	for _, call := range managing(client) {
		_, err := call(ctx)
		wantStatus(t, err, codes.Unimplemented, reason)
	}
	_, err := client.List(ctx, &pluginpb.ListRequest{})
	wantStatus(t, err, codes.Unimplemented, reason)
	_, err = client.Get(ctx, &pluginpb.GetRequest{Name: "mirror"})
	wantStatus(t, err, codes.Unimplemented, reason)
	_, err = client.Encode(ctx, &pluginpb.EncodeRequest{Name: "mirror", Value: raw("x")})
	wantStatus(t, err, codes.Unimplemented, reason)
	_, err = client.Decode(ctx, &pluginpb.DecodeRequest{Name: "mirror", Value: raw("x")})
	wantStatus(t, err, codes.Unimplemented, reason)
}

// reasonOf returns the reason in the details of a status.
func reasonOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == "podinfo" {
			return info.GetReason()
		}
	}
	return ""
}

// retryOf returns the time of another try in the details of a status.
func retryOf(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			return retry.GetRetryDelay().AsDuration()
		}
	}
	return 0
}
