package adapter_test

import (
	"net/http"
	"testing"

	"github.com/podinfo-targets/podinfo/targets/lambda/adapter"
)

// urlEvent is the event of https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
const urlEvent = `{
  "version": "2.0",
  "routeKey": "$default",
  "rawPath": "/my/path",
  "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=value",
  "cookies": ["cookie1", "cookie2"],
  "headers": {
    "header1": "value1",
    "header2": "value1,value2"
  },
  "queryStringParameters": {
    "parameter1": "value1,value2",
    "parameter2": "value"
  },
  "requestContext": {
    "accountId": "123456789012",
    "apiId": "<urlid>",
    "authentication": null,
    "authorizer": {
      "iam": {
        "accessKey": "AKIA...",
        "accountId": "111122223333",
        "callerId": "AIDA...",
        "cognitoIdentity": null,
        "principalOrgId": null,
        "userArn": "arn:aws:iam::111122223333:user/example-user",
        "userId": "AIDA..."
      }
    },
    "domainName": "<url-id>.lambda-url.us-west-2.on.aws",
    "domainPrefix": "<url-id>",
    "http": {
      "method": "POST",
      "path": "/my/path",
      "protocol": "HTTP/1.1",
      "sourceIp": "123.123.123.123",
      "userAgent": "agent"
    },
    "requestId": "id",
    "routeKey": "$default",
    "stage": "$default",
    "time": "12/Mar/2020:19:03:58 +0000",
    "timeEpoch": 1583348638390
  },
  "body": "Hello from client!",
  "pathParameters": null,
  "isBase64Encoded": false,
  "stageVariables": null
}`

var urlRequest = request{
	method: "POST", host: "<url-id>.lambda-url.us-west-2.on.aws",
	uri: "/my/path?parameter1=value1&parameter1=value2&parameter2=value", path: "/my/path",
	query: "parameter1=value1&parameter1=value2&parameter2=value", remote: "123.123.123.123:0", body: "Hello from client!",
	header: http.Header{"Header1": {"value1"}, "Header2": {"value1,value2"}, "Cookie": {"cookie1; cookie2"}},
}

func TestFunctionURLRequest(t *testing.T) {
	t.Parallel()
	urlRequest.check(t, capture(t, adapter.Options{}, urlEvent))
}

func TestFunctionURLResponse(t *testing.T) {
	t.Parallel()
	d := invoke(t, answerEverything, adapter.Options{}, urlEvent)
	checkV2(t, d)
	if d.Body != "héllo" || d.IsBase64Encoded {
		t.Errorf("the document is %+v", d)
	}
}
