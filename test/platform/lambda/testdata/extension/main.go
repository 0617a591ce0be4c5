// Command extension is an external Lambda extension that prints what it hears, until it hears that it is over.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	answer := ask(http.MethodPost, "register", "Lambda-Extension-Name", filepath.Base(os.Args[0]),
		`{"events":["INVOKE","SHUTDOWN"]}`)
	id := answer.Header.Get("Lambda-Extension-Identifier")
	fmt.Println("extension registered:", answer.Status, "handler:", os.Getenv("_HANDLER"))
	_ = answer.Body.Close()
	for {
		answer := ask(http.MethodGet, "event/next", "Lambda-Extension-Identifier", id, "")
		event, err := io.ReadAll(answer.Body)
		if err != nil {
			panic(err)
		}
		_ = answer.Body.Close()
		fmt.Println("extension heard", string(event))
		if strings.Contains(string(event), `"SHUTDOWN"`) {
			return
		}
	}
}

func ask(method, path, header, value, body string) *http.Response {
	url := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2020-01-01/extension/" + path
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	request.Header.Set(header, value)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	return answer
}
