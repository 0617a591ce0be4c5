// Command victim is a program that misbehaves in the way that the variable MODE names.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	modes := map[string]func(){
		"exit":     func() { os.Exit(3) },
		"crash":    func() { panic("as told") },
		"obedient": func() { _, _ = io.Copy(io.Discard, os.NewFile(3, "life")) },
		"hang":     hang,
		"family":   family,
		"orphans":  orphans,
		"zombies":  zombies,
		"bomb":     bomb,
		"tell":     tell,
		"eat":      eat,
		"files":    files,
		"write":    write,
	}
	modes[os.Getenv("MODE")]()
}

func hang() {
	signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE)
	fmt.Println("ready")
	for {
		time.Sleep(time.Hour)
	}
}

// start runs this program again in another mode, with nothing of ours in its environment.
func start(mode string, attributes *syscall.SysProcAttr, more ...string) *exec.Cmd {
	c := exec.Command("/proc/self/exe")
	c.Dir = "/"
	c.Env = append([]string{"MODE=" + mode}, more...)
	c.SysProcAttr = attributes
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	if err := c.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return c
}

// family has a child in its group, one in a session of its own, and a grandchild there whose parent has ended.
func family() {
	near := start("hang", nil)
	far := start("hang", &syscall.SysProcAttr{Setsid: true})
	middle := start("orphans", &syscall.SysProcAttr{Setsid: true}, "N=1")
	_ = middle.Wait()
	fmt.Println("family", near.Process.Pid, far.Process.Pid)
	if os.Getenv("LEAVE") != "" {
		return
	}
	hang()
}

// orphans starts N processes in sessions of their own and ends.
func orphans() {
	n, _ := strconv.Atoi(os.Getenv("N"))
	for range n {
		child := os.Getenv("CHILD")
		if child == "" {
			child = "hang"
		}
		c := start(child, &syscall.SysProcAttr{Setsid: true})
		fmt.Println("orphan", c.Process.Pid)
	}
}

// zombies has grandchildren that end after their parent.
func zombies() {
	_ = start("orphans", nil, "N=3", "CHILD=exit").Wait()
	hang()
}

// bomb starts two like itself, in sessions of their own, and so on down to a few hundred processes at a time.
func bomb() {
	depth, _ := strconv.Atoi(os.Getenv("DEPTH"))
	fmt.Println("armed")
	for range 2 {
		if depth < 6 {
			_ = start("bomb", &syscall.SysProcAttr{Setsid: true}, "DEPTH="+strconv.Itoa(depth+1))
		}
	}
	for {
		time.Sleep(time.Hour)
	}
}

// tell prints what it was given.
func tell() {
	for _, v := range os.Environ() {
		fmt.Println("env", v)
	}
	dir, _ := os.Getwd()
	fmt.Println("dir", dir)
	fmt.Println("name", os.Args[0])
	fmt.Println("umask", syscall.Umask(0))
	input, err := io.ReadAll(os.Stdin)
	fmt.Println("stdin", len(input), err)
	group, _ := syscall.Getpgid(0)
	fmt.Println("leader", group == os.Getpid())
	fds, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range fds {
		target, _ := os.Readlink("/proc/self/fd/" + fd.Name())
		fmt.Println("fd", fd.Name(), target)
	}
	lines("/proc/self/limits", "limit")
	lines("/proc/self/status", "status")
	lines("/proc/self/oom_score_adj", "oom")
	fmt.Println("procs", runtime.GOMAXPROCS(0))
}

func lines(file, word string) {
	f, err := os.Open(file)
	if err != nil {
		return
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		fmt.Println(word, strings.Join(strings.Fields(s.Text()), " "))
	}
}

func eat() {
	var all [][]byte
	for {
		b := make([]byte, 8<<20)
		for i := range b {
			b[i] = 1
		}
		all = append(all, b)
		fmt.Println("has", len(all)*8, "MiB")
		if len(all) > 512 {
			fmt.Println("had 4 GiB")
			return
		}
	}
}

func files() {
	for n := 0; ; n++ {
		if _, err := os.Open("/dev/null"); err != nil {
			fmt.Println("opened", n, err)
			return
		}
	}
}

func write() {
	signal.Ignore(syscall.SIGXFSZ)
	f, _ := os.Create("large")
	n, err := f.Write(make([]byte, 4<<20))
	fmt.Println("wrote", n, err)
}
