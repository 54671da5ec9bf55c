"""The verb `plugin-path`: where the reward file of a framework is."""

from argparse import ArgumentParser, Namespace

from emocal_rl.errors import UserError
from emocal_rl.suggest import did_you_mean


def plugin_path_options(parser: ArgumentParser) -> None:
    """Options of `plugin-path`."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="a framework; without it, all of them are listed")


def plugin_path(args: Namespace) -> None:
    """Print the path of a framework's reward file, or list them."""
    from emocal_rl.plugins import packaged

    shipped = packaged()
    if args.name is None:
        width = max(map(len, shipped))
        print("\n".join(f"{name:{width}}  {path}" for name, path in shipped.items()))
        return
    if args.name not in shipped:
        hint = did_you_mean(args.name, shipped, what="there are")
        raise UserError(f"no reward file for '{args.name}'{hint}")
    print(shipped[args.name])
