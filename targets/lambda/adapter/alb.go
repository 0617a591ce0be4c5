package adapter

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// alb serves Application Load Balancers whose target group has multi-value headers disabled: of a header, or parameter,
// that was sent several times the event has the last value, and an answer has one value for each name.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
//
// Its parameters arrive as they were sent, undecoded; the client's address is the last that the load balancer has put
// into X-Forwarded-For.
type alb struct {
	library  converter
	basePath string
}

// albMultiValue serves those with multi-value headers enabled: event and answer have multi-value fields only.
type albMultiValue struct{ alb }

func (f alb) request(e *event) (*http.Request, error) {
	if err := checkMethod(e.method); err != nil {
		return nil, err
	}
	r, err := f.library.albRequest(events.ALBTargetGroupRequest{
		HTTPMethod:        e.method,
		Path:              "/",
		MultiValueHeaders: eitherValues(e.multiHeaders, e.headers),
		Body:              e.body,
		IsBase64Encoded:   e.base64,
	})
	if err != nil {
		return nil, err
	}
	query := joinQuery(eitherValues(e.multiQuery, e.query))
	path := stripSegments(e.path, f.basePath)
	return r, mend(r, e.method, target(path, query), "", lastForwarded(r.Header["X-Forwarded-For"]))
}

// lastForwarded is the address that the load balancer has added behind those that it was sent.
func lastForwarded(values []string) string {
	if len(values) == 0 {
		return ""
	}
	last := values[len(values)-1]
	return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
}

func (f alb) response(r *reply) (any, error) {
	response, err := f.library.albResponse(r)
	response.StatusDescription = statusDescription(r.status)
	response.Headers = oneValueEach(r.header)
	response.MultiValueHeaders = map[string][]string{} // not null; this load balancer reads none
	return response, err
}

// oneValueEach joins the values of each header with commas (RFC 9110 §5.3). Set-Cookie must not be joined; the only way
// to send several is to spell its name differently for each, and names of headers are the same in every spelling.
func oneValueEach(header http.Header) map[string]string {
	joined := make(map[string]string, len(header))
	for name, values := range header {
		if name != "Set-Cookie" {
			joined[name] = strings.Join(values, ", ")
			continue
		}
		for i, value := range values {
			joined[spelling(name, i)] = value
		}
	}
	return joined
}

// spelling is the nth way to write a name: the letters whose bits are set in n change their case.
func spelling(name string, n int) string {
	letters := []byte(name)
	for i := range letters {
		if letters[i] == '-' {
			continue
		}
		if n&1 == 1 {
			letters[i] ^= 'a' - 'A'
		}
		n >>= 1
	}
	return string(letters)
}

func (f albMultiValue) response(r *reply) (any, error) {
	response, err := f.library.albResponse(r)
	response.StatusDescription = statusDescription(r.status)
	response.Headers = map[string]string{} // not null; this load balancer reads none
	return response, err
}

// statusDescription is code and reason, as the document has it.
func statusDescription(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

func (alb) limit() int { return albLimit }
