"""`jackfield completion`: the script that completes commands, options and provider ids."""

from __future__ import annotations

import click

_PLACES = {
    "bash": '~/.bashrc:  eval "$(jackfield completion bash)"',
    "zsh": '~/.zshrc:  eval "$(jackfield completion zsh)"',
    "fish": "~/.config/fish/completions/jackfield.fish:  jackfield completion fish > that file",
}


@click.command(epilog="\b\n" + "\n".join(_PLACES.values()))
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print the script that completes commands in your shell.

    Put this into your shell's start-up file:
    """
    from click.shell_completion import get_completion_class

    from jackfield.cli.root import root

    found = get_completion_class(shell)
    if found is None:
        raise click.ClickException(f"There is no completion for {shell}")
    click.echo(found(root, {}, "jackfield", "_JACKFIELD_COMPLETE").source())
