package adapter

import (
	"maps"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"
)

// converter is what is used of aws-lambda-go-api-proxy, which gets no more releases: whoever replaces it replaces
// apiProxy below and nothing else. It is given what it converts well, and mended around:
//
//   - requests: method, body, and the headers of format 1.0 and of load balancers. The path, the query, the cookies,
//     the client's address and the headers of format 2.0 (it splits a date at its comma) are set in request.go and
//     beside each kind.
//   - answers: one that is complete (reply.go), so that nothing depends on when it looks.
type converter interface {
	restRequest(events.APIGatewayProxyRequest) (*http.Request, error)
	httpRequest(events.APIGatewayV2HTTPRequest) (*http.Request, error)
	albRequest(events.ALBTargetGroupRequest) (*http.Request, error)

	restResponse(*reply) (events.APIGatewayProxyResponse, error)
	httpResponse(*reply) (events.APIGatewayV2HTTPResponse, error)
	albResponse(*reply) (events.ALBTargetGroupResponse, error)
}

// apiProxy converts with aws-lambda-go-api-proxy.
type apiProxy struct{}

func (apiProxy) restRequest(e events.APIGatewayProxyRequest) (*http.Request, error) {
	var accessor core.RequestAccessor
	return accessor.EventToRequest(e)
}

func (apiProxy) httpRequest(e events.APIGatewayV2HTTPRequest) (*http.Request, error) {
	var accessor core.RequestAccessorV2
	return accessor.EventToRequest(e)
}

func (apiProxy) albRequest(e events.ALBTargetGroupRequest) (*http.Request, error) {
	var accessor core.RequestAccessorALB
	return accessor.EventToRequest(e)
}

func (apiProxy) restResponse(r *reply) (events.APIGatewayProxyResponse, error) {
	w := core.NewProxyResponseWriter()
	replay(w, r)
	response, err := w.GetProxyResponse()
	response.Body, response.IsBase64Encoded = r.encoded(response.Body)
	return response, err
}

func (apiProxy) httpResponse(r *reply) (events.APIGatewayV2HTTPResponse, error) {
	w := core.NewProxyResponseWriterV2()
	replay(w, r)
	response, err := w.GetProxyResponse()
	response.Body, response.IsBase64Encoded = r.encoded(response.Body)
	return response, err
}

func (apiProxy) albResponse(r *reply) (events.ALBTargetGroupResponse, error) {
	w := core.NewProxyResponseWriterALB()
	replay(w, r)
	response, err := w.GetProxyResponse()
	response.Body, response.IsBase64Encoded = r.encoded(response.Body)
	return response, err
}

// replay gives the library a finished answer. A body that is to be binary stays out of its hands, as it takes for text
// whatever is UTF-8; so does an empty one, for which it would invent a type.
func replay(w http.ResponseWriter, r *reply) {
	maps.Copy(w.Header(), r.header)
	w.WriteHeader(r.status)
	if len(r.body) == 0 || !r.isText() {
		return
	}
	if _, typed := w.Header()["Content-Type"]; !typed {
		defer delete(w.Header(), "Content-Type") // the handler asked for none
	}
	_, _ = w.Write(r.body) // to memory: it does not fail
}
