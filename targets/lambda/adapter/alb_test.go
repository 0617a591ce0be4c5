package adapter_test

import (
	"maps"
	"net/http"
	"testing"

	"github.com/podinfo-targets/podinfo/targets/lambda/adapter"
)

// albEvent and albMultiEvent are the events of
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html with the parameters that
// the document leaves out.
const albEvent = `{
    "requestContext": {
        "elb": {
            "targetGroupArn":
                "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-target-group/6d0ecf831eec9f09"
        }
    },
    "httpMethod": "GET",
    "path": "/",
    "queryStringParameters": {"key": "a%20b", "name%5B%5D": "%26"},
    "headers": {
        "accept": "text/html,application/xhtml+xml",
        "accept-language": "en-US,en;q=0.8",
        "content-type": "text/plain",
        "cookie": "cookies",
        "host": "lambda-846800462-us-east-2.elb.amazonaws.com",
        "user-agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_6)",
        "x-amzn-trace-id": "Root=1-5bdb40ca-556d8b0c50dc66f0511bf520",
        "x-forwarded-for": "72.21.198.66",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https"
    },
    "isBase64Encoded": false,
    "body": "request_body"
}`

const albMultiEvent = `{
    "requestContext": {
        "elb": {
            "targetGroupArn":
                "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-target-group/6d0ecf831eec9f09"
        }
    },
    "httpMethod": "GET",
    "path": "/a%2Fb",
    "multiValueQueryStringParameters": {"myKey": ["val1", "val%202"]},
    "multiValueHeaders": {
        "accept": ["text/html", "application/xhtml+xml"],
        "cookie": [
            "cookie-name=cookie-value;Domain=myweb.com;Secure;HttpOnly",
            "cookie-name=cookie-value;Expires=May 8, 2019"
        ],
        "host": ["lambda-846800462-us-east-2.elb.amazonaws.com"],
        "x-forwarded-for": ["203.0.113.9", "198.51.100.1, 72.21.198.66:51234"]
    },
    "isBase64Encoded": true,
    "body": "/wA="
}`

func TestALBRequest(t *testing.T) {
	t.Parallel()
	request{
		method: "GET", host: "lambda-846800462-us-east-2.elb.amazonaws.com", uri: "/?key=a%20b&name%5B%5D=%26", path: "/",
		query: "key=a%20b&name%5B%5D=%26", remote: "72.21.198.66:0", body: "request_body",
		header: http.Header{
			"Accept": {"text/html,application/xhtml+xml"}, "Accept-Language": {"en-US,en;q=0.8"},
			"Content-Type": {"text/plain"}, "Cookie": {"cookies"},
			"User-Agent":      {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_6)"},
			"X-Amzn-Trace-Id": {"Root=1-5bdb40ca-556d8b0c50dc66f0511bf520"},
			"X-Forwarded-For": {"72.21.198.66"}, "X-Forwarded-Port": {"443"}, "X-Forwarded-Proto": {"https"},
		},
	}.check(t, capture(t, adapter.Options{}, albEvent))
}

// The library leaves the host empty and the address away, and encodes what is encoded once more.
func TestALBMultiValueRequest(t *testing.T) {
	t.Parallel()
	got := capture(t, adapter.Options{}, albMultiEvent)
	request{
		method: "GET", host: "lambda-846800462-us-east-2.elb.amazonaws.com", uri: "/a%2Fb?myKey=val1&myKey=val%202",
		path: "/a/b", rawPath: "/a%2Fb", query: "myKey=val1&myKey=val%202", remote: "72.21.198.66:51234", body: "\xff\x00",
		header: http.Header{
			"Accept": {"text/html", "application/xhtml+xml"},
			"Cookie": {
				"cookie-name=cookie-value;Domain=myweb.com;Secure;HttpOnly", "cookie-name=cookie-value;Expires=May 8, 2019",
			},
			"X-Forwarded-For": {"203.0.113.9", "198.51.100.1, 72.21.198.66:51234"},
		},
	}.check(t, got)
	if values := got.URL.Query()["myKey"]; len(values) != 2 || values[1] != "val 2" {
		t.Errorf("the parameter is %q, want it decoded once", values)
	}
}

func TestALBBasePath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"/shop/x": "/x", "/shop": "/", "/shopping": "/shopping", "/x": "/x"} {
		got := capture(t, adapter.Options{BasePath: "/shop"}, kinds()[adapter.ALB]("GET", path, ""))
		if got.URL.Path != want {
			t.Errorf("%q became %q, want %q", path, got.URL.Path, want)
		}
	}
}

func TestALBResponse(t *testing.T) {
	t.Parallel()
	d := invoke(t, answerEverything, adapter.Options{}, albEvent)
	want := map[string]string{
		"Content-Type": "text/plain; charset=utf-8", "Date": "Sun, 06 Nov 1994 08:49:37 GMT", "X-Two": "one, two",
		"Set-Cookie": "a=1; Path=/", "set-Cookie": "b=2; Expires=Sun, 06 Nov 1994 08:49:37 GMT",
	}
	if d.StatusCode != http.StatusCreated || d.StatusDescription != "201 Created" || d.bytes(t) != "héllo" {
		t.Errorf("the document is %+v", d)
	}
	if len(d.MultiValueHeaders) != 0 || !maps.Equal(d.Headers, want) {
		t.Errorf("headers are %v, want %v, and nothing in multiValueHeaders %v", d.Headers, want, d.MultiValueHeaders)
	}
}

func TestALBMultiValueResponse(t *testing.T) {
	t.Parallel()
	d := invoke(t, answerEverything, adapter.Options{}, albMultiEvent)
	want := http.Header{
		"Content-Type": {"text/plain; charset=utf-8"}, "Date": {"Sun, 06 Nov 1994 08:49:37 GMT"},
		"Set-Cookie": {"a=1; Path=/", "b=2; Expires=Sun, 06 Nov 1994 08:49:37 GMT"}, "X-Two": {"one", "two"},
	}
	if d.StatusCode != http.StatusCreated || d.StatusDescription != "201 Created" || d.Body != "héllo" {
		t.Errorf("the document is %+v", d)
	}
	if len(d.Headers) != 0 || !sameHeader(d.MultiValueHeaders, want) {
		t.Errorf("multiValueHeaders are %v, want %v, and nothing in headers %v", d.MultiValueHeaders, want, d.Headers)
	}
}
