package adapter

import (
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// functionURL serves Lambda function URLs, buffered and with response streaming.
//
//   - Event and response: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
//   - Response streaming: https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
//
// The event is one of format 2.0 without a stage. A stream begins with the status, the headers and the cookies as JSON,
// and eight zero bytes, which aws-lambda-go writes.
type functionURL struct {
	library  converter
	basePath string
}

func (f functionURL) request(e *event) (*http.Request, error) {
	return requestV2(f.library, e, stripSegments(e.rawTarget(), f.basePath))
}

func (f functionURL) response(r *reply) (any, error) {
	response, err := f.library.httpResponse(r)
	return events.LambdaFunctionURLResponse{
		StatusCode:      response.StatusCode,
		Headers:         response.Headers,
		Body:            response.Body,
		IsBase64Encoded: response.IsBase64Encoded,
		Cookies:         response.Cookies,
	}, err
}

func (functionURL) stream(r *reply, body io.Reader) any {
	headers := make(map[string]string, len(r.header))
	for name, values := range r.header {
		if name != "Set-Cookie" {
			headers[name] = strings.Join(values, ",")
		}
	}
	return &events.LambdaFunctionURLStreamingResponse{
		StatusCode: r.status, Headers: headers, Cookies: r.header["Set-Cookie"], Body: body,
	}
}

func (functionURL) limit() int { return bufferedLimit }
