// Command echo is the well-behaved plugin of the tests. It answers with the value that it gets, unless that is one of
// the strings by which a test orders something.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/podinfo-targets/podinfo/shared/plugin"
	"github.com/podinfo-targets/podinfo/test/plugin/pets"
)

func main() {
	plugin.Register(pets.Dog{}, pets.Fish{})
	plugin.Serve(codec{})
}

type codec struct{}

// Info says the same whenever it is asked.
func (codec) Info(context.Context) (plugin.Info, error) {
	return plugin.Info{Name: "Echo", Version: "1", ContentType: "text/plain"}, nil
}

// Decode answers with the value, after a time that keeps many calls in flight without keeping the machine busy.
func (codec) Decode(ctx context.Context, value any) (any, error) {
	return value, wait(ctx, 10*time.Millisecond)
}

// Encode answers with the value, or obeys it.
func (codec) Encode(ctx context.Context, value any) (any, error) {
	order, _ := value.(string)
	switch order {
	case "pid":
		return int64(os.Getpid()), nil
	case "sockets":
		return os.TempDir(), nil
	case "wait":
		return order, wait(ctx, 200*time.Millisecond)
	case "exit":
		os.Exit(3)
	case "fish":
		return pets.Fish{Name: "Nemo"}, nil
	case "refuse":
		return nil, errors.New("not this one")
	case "call back":
		return callBack(ctx)
	}
	return value, nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// callBack does all that a plugin may ask of its host while that waits for the plugin's answer, and answers with what
// it found.
func callBack(ctx context.Context) (any, error) {
	host, err := plugin.HostFrom(ctx)
	if err != nil {
		return nil, err
	}
	greeting, err := host.Config(ctx, "greeting")
	if err != nil {
		return nil, err
	}
	if _, err := host.CacheGet(ctx, "missing"); !errors.Is(err, plugin.ErrNotFound) {
		return nil, fmt.Errorf("what is not in the cache is %w", err)
	}
	if err := host.CacheSet(ctx, "pet", []byte("Rex"), time.Minute); err != nil {
		return nil, err
	}
	pet, err := host.CacheGet(ctx, "pet")
	if err != nil {
		return nil, err
	}
	if err := host.Log(ctx, "warn", "called back"); err != nil {
		return nil, err
	}
	return greeting + " " + string(pet), nil
}
