// Command podinfo-function runs the Cloud Function on this machine, as the main package that the platform writes does
// there: the functions framework serves what the root package registered, on PORT (8080), and on 127.0.0.1 only when
// LOCAL_ONLY is true.
package main

import (
	"log"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	_ "github.com/podinfo-targets/podinfo" // registers the function
)

func main() {
	port, host := os.Getenv("PORT"), ""
	if port == "" {
		port = "8080"
	}
	if os.Getenv("LOCAL_ONLY") == "true" {
		host = "127.0.0.1"
	}
	if err := funcframework.StartHostPort(host, port); err != nil {
		log.Fatalf("podinfo-function cannot serve: %v", err)
	}
}
