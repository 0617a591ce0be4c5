package ui

import (
	"bytes"
	"fmt"
	"text/template/parse"
)

// template is a parsed page.
type template struct{ tree *parse.Tree }

// parseTemplate parses a template in the language of html/template. name stands in its errors.
func parseTemplate(name, text string) (*template, error) {
	trees, err := parse.Parse(name, text, "", "")
	if err != nil {
		return nil, err
	}
	return &template{tree: trees[name]}, nil
}

// render writes the page, with its values escaped for the places they stand in.
func (t *template) render(out *bytes.Buffer, p Page) error {
	r := renderer{tree: t.tree, page: p, out: markup{out: out}}
	return r.list(t.tree.Root, nil)
}

// renderer walks a template. Inside {{with}} the dot is a text, elsewhere it is nil and stands for the page.
type renderer struct {
	tree *parse.Tree
	page Page
	out  markup
}

func (r *renderer) list(list *parse.ListNode, dot *string) error {
	if list == nil { // an {{else}} that is not there
		return nil
	}
	for _, node := range list.Nodes {
		if err := r.node(node, dot); err != nil {
			return err
		}
	}
	return nil
}

func (r *renderer) node(node parse.Node, dot *string) error {
	switch node := node.(type) {
	case *parse.TextNode:
		r.out.literal(node.Text)
		return nil
	case *parse.ActionNode:
		return r.action(node, dot)
	case *parse.IfNode:
		value, err := r.pipe(node.Pipe, dot)
		if err != nil {
			return err
		}
		return r.list(choose(value, &node.BranchNode), dot)
	case *parse.WithNode:
		value, err := r.pipe(node.Pipe, dot)
		if err != nil {
			return err
		}
		if value == "" {
			return r.list(node.ElseList, dot)
		}
		return r.list(node.List, &value)
	default:
		return r.unsupported(node)
	}
}

// choose picks the branch of an if; an empty text is false.
func choose(value string, node *parse.BranchNode) *parse.ListNode {
	if value == "" {
		return node.ElseList
	}
	return node.List
}

func (r *renderer) action(node *parse.ActionNode, dot *string) error {
	value, err := r.pipe(node.Pipe, dot)
	if err != nil {
		return err
	}
	if err := r.out.value(value); err != nil {
		return r.fail(node, err.Error())
	}
	return nil
}

// pipe evaluates what stands between the braces: one value, since there are neither functions nor variables.
func (r *renderer) pipe(pipe *parse.PipeNode, dot *string) (string, error) {
	if len(pipe.Decl) != 0 || len(pipe.Cmds) != 1 || len(pipe.Cmds[0].Args) != 1 {
		return "", r.unsupported(pipe)
	}
	switch value := pipe.Cmds[0].Args[0].(type) {
	case *parse.PipeNode: // in parentheses
		return r.pipe(value, dot)
	case *parse.StringNode:
		return value.Text, nil
	case *parse.DotNode:
		if dot == nil {
			return "", r.unsupported(value)
		}
		return *dot, nil
	case *parse.FieldNode:
		if dot != nil {
			return "", r.fail(value, "inside {{with}} write $."+value.Ident[0]+" for a field of the page")
		}
		return r.field(value, value.Ident)
	case *parse.VariableNode: // $ is the page, and the only variable that can be there
		return r.field(value, value.Ident[1:])
	default:
		return "", r.unsupported(value)
	}
}

// field reads a field of the page by its path, which is one name long.
func (r *renderer) field(node parse.Node, path []string) (string, error) {
	if len(path) != 1 {
		return "", r.unsupported(node)
	}
	switch path[0] {
	case "Title":
		return r.page.Title, nil
	case "Logo":
		return r.page.Logo, nil
	case "Prefix":
		return r.page.Prefix, nil
	case "Color":
		return r.page.Color, nil
	case "Message":
		return r.page.Message, nil
	case "Version":
		return r.page.Version, nil
	case "Revision":
		return r.page.Revision, nil
	default:
		return "", r.fail(node, "there is no such field; there are Title, Logo, Prefix, Color, Message, Version, Revision")
	}
}

func (r *renderer) unsupported(node parse.Node) error {
	return r.fail(node, "a page may use fields such as .Title, if, with and else, and nothing more")
}

func (r *renderer) fail(node parse.Node, reason string) error {
	where, what := r.tree.ErrorContext(node)
	return fmt.Errorf("template: %s: %s: %s", where, what, reason)
}
