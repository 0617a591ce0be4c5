package lambda

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// The documents of this file:
//
//	https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
//	https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html

// albLimit bounds the body of a request and the JSON of a response, in bytes.
const albLimit = 1 << 20

const targetGroupARN = "arn:aws:elasticloadbalancing:" + Region + ":" + AccountID +
	":targetgroup/podinfo/6d0ecf831eec9f09"

// albEvent is the event of a load balancer. Which of the two forms of headers and parameters is there depends on the
// target group.
type albEvent struct {
	RequestContext struct {
		ELB struct {
			TargetGroupARN string `json:"targetGroupArn"`
		} `json:"elb"`
	} `json:"requestContext"`
	HTTPMethod        string              `json:"httpMethod"`
	Path              string              `json:"path"`
	Query             map[string]string   `json:"queryStringParameters,omitzero"` // the last value of each, undecoded
	MultiValueQuery   map[string][]string `json:"multiValueQueryStringParameters,omitzero"`
	Headers           map[string]string   `json:"headers,omitzero"` // lower case, the last value of each
	MultiValueHeaders map[string][]string `json:"multiValueHeaders,omitzero"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

// loadBalancer is an Application Load Balancer in front of a target group with the function.
func loadBalancer(f *Function) http.Handler {
	multi := f.o.Shape == ALBMultiValue
	return &door{
		f: f, bodyLimit: albLimit, headerLimit: 64 << 10, lineLimit: 16 << 10,
		admit: func(w http.ResponseWriter, r *http.Request) bool {
			switch {
			case r.Header.Get("Upgrade") != "": // WebSockets are not supported
				albPage(w, http.StatusBadRequest)
			case r.Method == http.MethodTrace:
				albPage(w, http.StatusMethodNotAllowed)
			default:
				return true
			}
			return false
		},
		event:  func(r request) any { return newALBEvent(r, multi) },
		answer: func(payload []byte) (answer, error) { return albAnswer(payload, multi) },
		fail:   albFailure,
	}
}

func newALBEvent(r request, multi bool) albEvent {
	e := albEvent{HTTPMethod: r.Method, Path: r.path}
	e.RequestContext.ELB.TargetGroupARN = targetGroupARN
	e.Body, e.IsBase64Encoded = carried(r.header, r.body)
	headers := lowered(r.header)
	query := collect(parameters(r.query, "&", false))
	if query == nil {
		query = map[string][]string{}
	}
	if multi {
		e.MultiValueHeaders, e.MultiValueQuery = headers, query
		return e
	}
	e.Headers, e.Query = reduce(headers, last), reduce(query, last)
	return e
}

// albResponse is what a function has to return: the status, and headers in the form of the target group.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html#respond-to-load-balancer
type albResponse struct {
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
	StatusCode        *int                `json:"statusCode"`
	StatusDescription string              `json:"statusDescription"`
	Headers           map[string]scalar   `json:"headers"`
	MultiValueHeaders map[string][]scalar `json:"multiValueHeaders"`
	Body              string              `json:"body"`
}

func albAnswer(payload []byte, multi bool) (answer, error) {
	if len(payload) > albLimit {
		return answer{}, fmt.Errorf("the response is larger than %d bytes", albLimit)
	}
	var out albResponse
	if err := json.Unmarshal(payload, &out); err != nil {
		return answer{}, fmt.Errorf("the response is not what a load balancer takes: %w", err)
	}
	header := http.Header{}
	switch {
	case out.StatusCode == nil:
		return answer{}, errors.New("the response has no statusCode")
	case multi && out.MultiValueHeaders == nil:
		return answer{}, errors.New("the target group has multi-value headers, but the response has no multiValueHeaders")
	case !multi && out.Headers == nil:
		return answer{}, errors.New("the response has no headers")
	case multi:
		for name, values := range out.MultiValueHeaders {
			for _, value := range values {
				header.Add(name, string(value))
			}
		}
	default:
		for name, value := range out.Headers {
			header.Set(name, string(value))
		}
	}
	// That application/octet-stream stands in for a missing Content-Type was seen, not read.
	return compose(*out.StatusCode, out.Body, out.IsBase64Encoded, header, "application/octet-stream")
}

// albFailure answers as the load balancer does by itself. A function that does not respond in time is a 502 as well.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
func albFailure(w http.ResponseWriter, why failure) {
	switch why {
	case bodyTooLarge:
		albPage(w, http.StatusRequestEntityTooLarge)
	case headerTooLarge:
		albPage(w, http.StatusBadRequest)
	default:
		albPage(w, http.StatusBadGateway)
	}
}

// albPage writes the page of a status.
func albPage(w http.ResponseWriter, status int) {
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	page := strings.Join([]string{
		"<html>", "<head><title>" + title + "</title></head>", "<body>", "<center><h1>" + title + "</h1></center>",
		"</body>", "</html>", "",
	}, "\r\n")
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(page))
}
