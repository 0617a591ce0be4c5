package adapter

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/aws/aws-lambda-go/lambda"
)

// Invoker answers one event, as Adapter.Invoke does.
type Invoker func(ctx context.Context, payload json.RawMessage) (any, error)

// Buffered makes a handler for lambda.Start of an Invoker that does not stream. A function would do as well, and has to
// where answers stream; but aws-lambda-go reads an event twice before it gives it to a function, even as
// json.RawMessage, and that would be a third of the cost of an invocation.
func Buffered(invoke Invoker) lambda.Handler { return buffered{invoke} }

type buffered struct{ invoke Invoker }

// Invoke answers with the document as aws-lambda-go would write it.
func (b buffered) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	document, err := b.invoke(ctx, payload)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
