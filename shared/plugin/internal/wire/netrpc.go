package wire

import (
	"context"
	"fmt"
	"net/rpc"
	"time"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
)

// rpcPlugin is both ends of net/rpc: a plugin sets protocol, and a host options.
//
// The connection that go-plugin makes for a dispensed plugin is used for one question only, which is where the plugin
// serves its calls. Those travel on a stream that this package opens itself, because go-plugin reads its own without a
// bound.
type rpcPlugin struct {
	protocol contract.Protocol
	options  ClientOptions
}

// Server returns what answers on the connection of go-plugin.
func (p *rpcPlugin) Server(broker *goplugin.MuxBroker) (any, error) {
	return &Door{broker, &Service{p.protocol}}, nil
}

// Client returns the Client. It waits for the plugin, which may be for ever: who started the plugin's process then has
// to end it.
func (p *rpcPlugin) Client(broker *goplugin.MuxBroker, c *rpc.Client) (any, error) {
	defer func() { _ = c.Close() }()
	var id uint32
	if err := c.Call(methodPrefix+"Open", uint32(versionRPC), &id); err != nil {
		return nil, fmt.Errorf("asking the plugin where it serves: %w", err)
	}
	stream, err := broker.Dial(id)
	if err != nil {
		return nil, fmt.Errorf("connecting to where the plugin serves: %w", err)
	}
	return newRPCClient(stream, p.options.limit()), nil
}

// methodPrefix is the name under which go-plugin serves everything over net/rpc.
const methodPrefix = "Plugin."

// Door tells where the plugin serves its calls.
type Door struct {
	broker  *goplugin.MuxBroker
	service *Service
}

// Open serves the plugin's calls on the stream of the number that it returns.
func (d *Door) Open(_ uint32, id *uint32) error {
	*id = d.broker.NextId()
	go d.broker.AcceptAndServe(*id, d.service) // ends with the stream, or when nobody opens it for five seconds
	return nil
}

// Request is a call over net/rpc, which has no context.
type Request struct {
	Value   []byte
	Raw     bool              // Value itself is meant, and no encoded Value
	Timeout time.Duration     // after which nobody waits for the answer; zero is none
	Trace   map[string]string // headers as of HTTP
}

// Response is the answer to a Request.
type Response struct {
	Value   []byte
	Raw     bool // Value itself is meant, and no encoded Value
	Outcome uint8
	Text    string // when Outcome is not zero
}

// Introduction is the answer of Info.
type Introduction struct {
	Info    contract.Info
	Outcome uint8
	Text    string // when Outcome is not zero
}

// Service answers calls over net/rpc.
type Service struct{ protocol contract.Protocol }

// Info answers with what the plugin says of itself.
func (s *Service) Info(request *Request, response *Introduction) error {
	ctx, cancel := request.context()
	defer cancel()
	info, failed := introduce(ctx, s.protocol)
	response.Info = info
	if failed != nil {
		response.Outcome, response.Text = uint8(failed.outcome), failed.text
	}
	return nil
}

// Encode answers with the encoded value.
func (s *Service) Encode(request *Request, response *Response) error {
	return request.answer(s.protocol.Encode, response)
}

// Decode answers with the decoded value.
func (s *Service) Decode(request *Request, response *Response) error {
	return request.answer(s.protocol.Decode, response)
}

func (r *Request) answer(do method, response *Response) error {
	ctx, cancel := r.context()
	defer cancel()
	value, failed := answer(ctx, do, carrier{r.Value, r.Raw})
	response.Value, response.Raw = value.value, value.raw
	if failed != nil {
		response.Outcome, response.Text = uint8(failed.outcome), failed.text
	}
	return nil
}

// context returns what the author's code is called with.
func (r *Request) context() (context.Context, context.CancelFunc) {
	ctx := &callContext{withTrace(context.Background(), r.Trace), callerResult{err: errNoBroker}}
	if r.Timeout > 0 {
		return context.WithTimeout(ctx, r.Timeout)
	}
	return context.WithCancel(ctx)
}

// newRequest returns the call with an argument that ctx bounds.
func newRequest(ctx context.Context, argument carrier) *Request {
	r := &Request{Value: argument.value, Raw: argument.raw, Trace: traceOf(ctx)}
	if deadline, ok := ctx.Deadline(); ok {
		r.Timeout = max(time.Until(deadline), 1)
	}
	return r
}
