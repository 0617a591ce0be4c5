// Command host launches the plugin that its argument names, says its number, and waits to be killed. Given a count it has
// the plugin die so often instead, and says nothing.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/podinfo-targets/podinfo/shared/plugin/contract"
	"github.com/podinfo-targets/podinfo/shared/plugin/internal/launch"
)

func main() {
	name, err := contract.ParseName(filepath.Base(os.Args[1]))
	if err != nil {
		panic(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	start := func() *launch.Process {
		o := launch.Options{Log: log, Dir: os.Args[2]}
		p, err := launch.Start(context.Background(), o, launch.Binary{Name: name, Path: os.Args[1]})
		if err != nil {
			panic(err)
		}
		return p
	}
	if len(os.Args) > 3 {
		die(os.Args[3], start)
		return
	}
	fmt.Println(start().PID())
	time.Sleep(time.Hour)
}

func die(count string, start func() *launch.Process) {
	n, err := strconv.Atoi(count)
	if err != nil {
		panic(err)
	}
	for range n {
		p := start()
		if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
			panic(err)
		}
		p.Kill(context.Background())
	}
}
