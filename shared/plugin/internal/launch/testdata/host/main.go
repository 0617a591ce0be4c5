// Command host launches the plugin that its argument names, says its number, and waits to be killed.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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
	o := launch.Options{Log: logrus.New(), Dir: os.Args[2]}
	p, err := launch.Start(context.Background(), o, launch.Binary{Name: name, Path: os.Args[1]})
	if err != nil {
		panic(err)
	}
	fmt.Println(p.PID())
	time.Sleep(time.Hour)
}
