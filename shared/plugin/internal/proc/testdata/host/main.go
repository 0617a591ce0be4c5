// Command host starts the program that its arguments name, once in each mode, says their numbers, and waits to be killed.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/podinfo-targets/podinfo/shared/plugin/internal/proc"
)

func main() {
	for _, mode := range os.Args[2:] {
		p, err := proc.Start(proc.Spec{Path: os.Args[1], Name: mode, Env: []string{"MODE=" + mode}, Dir: "/"})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(p.PID())
	}
	time.Sleep(time.Hour)
}
