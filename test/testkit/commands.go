package testkit

import (
	"os"
	"strings"
	"testing"
)

// Commands returns the commands that a Markdown document shows in its sh blocks, in order, each on one line.
func Commands(t testing.TB, document string) []string {
	t.Helper()
	data, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	inside := false
	for line := range strings.Lines(strings.ReplaceAll(string(data), "\\\n", " ")) {
		line = strings.TrimSpace(line)
		switch {
		case line == "```sh":
			inside = true
		case line == "```":
			inside = false
		case inside && line != "":
			commands = append(commands, strings.Join(strings.Fields(line), " "))
		}
	}
	if len(commands) == 0 {
		t.Fatalf("%s shows no command: the test reads it wrongly", document)
	}
	return commands
}

// CommandsOf returns those commands of a document that begin with one of the programs' names, and fails the test when
// there is none.
func CommandsOf(t testing.TB, document string, programs ...string) []string {
	t.Helper()
	var found []string
	for _, command := range Commands(t, document) {
		for _, program := range programs {
			if strings.HasPrefix(command, program+" ") {
				found = append(found, command)
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s shows no command of %s", document, strings.Join(programs, ", "))
	}
	return found
}
