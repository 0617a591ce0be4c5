package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// load keeps clients connections busy with the same request for a while and counts the answers. It writes and reads
// bytes, not http.Requests: on the one core it has, it must be able to ask faster than a server can answer.
func load(ctx context.Context, addr string, request []byte, clients int, d time.Duration) (answers int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	counts := make([]int64, clients)
	errs := make([]error, clients)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() { counts[i], errs[i] = client(ctx, addr, request) })
	}
	all.Wait()
	for _, n := range counts {
		answers += n
	}
	return answers, errors.Join(errs...)
}

func client(ctx context.Context, addr string, request []byte) (answers int64, err error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	in := bufio.NewReaderSize(conn, 16<<10)
	for ctx.Err() == nil {
		if _, err := conn.Write(request); err != nil {
			return answers, err
		}
		if err := skipAnswer(in); err != nil {
			return answers, err
		}
		answers++
	}
	return answers, nil
}

var (
	protocol = []byte("HTTP/1.1 2")
	length   = []byte("Content-Length: ")
)

// skipAnswer reads one answer with a Content-Length and makes sure that it is a good one.
func skipAnswer(in *bufio.Reader) error {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, protocol) {
		return fmt.Errorf("unexpected answer %q", line)
	}
	var size int
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			break
		}
		if n, ok := bytes.CutPrefix(line, length); ok {
			if size, err = strconv.Atoi(string(bytes.TrimSpace(n))); err != nil {
				return err
			}
		}
	}
	_, err = io.CopyN(io.Discard, in, int64(size))
	return err
}
