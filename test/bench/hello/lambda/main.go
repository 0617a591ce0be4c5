// Command lambda is the least that answers HTTP requests on AWS Lambda with aws-lambda-go: the yardstick of the
// function's cold start and, if it is given an answer as JSON to return instead of its own, of an invocation's cost.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	answer := events.APIGatewayV2HTTPResponse{StatusCode: http.StatusOK, Body: "hello\n"}
	if len(os.Args) > 1 {
		if err := json.Unmarshal([]byte(os.Args[1]), &answer); err != nil {
			log.Fatal(err)
		}
	}
	lambda.Start(func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		return answer, nil
	})
}
