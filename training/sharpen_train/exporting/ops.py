"""Finding operations in an OpenVINO graph."""

from typing import Any

CONVOLUTIONS = ("Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul")
REARRANGING = ("Convert", "Transpose", "Reshape", "SpaceToDepth")
ROWS_RANK = 5
GUIDE = "/guide/"


def names_behind_last_convolutions(graph: Any) -> set[str]:
    """Returns the names of all operations between the last convolutions of an OpenVINO graph and its result.

    The way from the input to the final sum is among them.
    """
    return {node.get_friendly_name() for node in way_to_result(graph) if node.get_type_name() not in CONVOLUTIONS}


def names_on_rows(graph: Any) -> set[str]:
    """Returns the names of the sums and products of an OpenVINO graph that are done on maps seen as rows; see `RowDoubling`."""
    return {
        node.get_friendly_name()
        for node in graph.get_ordered_ops()
        if node.get_type_name() in ("Add", "Multiply") and node.output(0).get_partial_shape().rank.get_length() == ROWS_RANK
    }


def names_of_guide(graph: Any) -> set[str]:
    """Returns the names of the matrix products that work on what the network is told: six numbers, for which 8 bits are too coarse."""
    return {node.get_friendly_name() for node in graph.get_ordered_ops() if GUIDE in node.get_friendly_name()}


def first_convolution(graph: Any) -> str:
    """Returns the name of the first convolution of an OpenVINO graph."""
    guide = names_of_guide(graph)
    names = (node.get_friendly_name() for node in graph.get_ordered_ops() if node.get_type_name() in CONVOLUTIONS)
    return next(name for name in names if name not in guide)


def last_convolutions(graph: Any) -> set[str]:
    """Returns the names of the last convolutions of an OpenVINO graph; there are several where branches meet behind them."""
    return {node.get_friendly_name() for node in way_to_result(graph) if node.get_type_name() in CONVOLUTIONS}


def way_to_result(graph: Any) -> list[Any]:
    """Returns the operations that lead to the result, each convolution included but nothing before it."""
    found: dict[str, Any] = {}
    waiting = [graph.get_results()[0]]
    while waiting:
        for port in waiting.pop().inputs():
            node = port.get_source_output().get_node()
            name = node.get_friendly_name()
            if name in found or node.get_type_name() in ("Constant", "Parameter"):
                continue
            found[name] = node
            if node.get_type_name() not in CONVOLUTIONS:
                waiting.append(node)
    return list(found.values())


def source(node: Any, port: int = 0) -> Any:
    """Returns what an operation takes, as it was before anything rearranged it."""
    found = node.input_value(port).get_node()
    while found.get_type_name() in REARRANGING:
        found = found.input_value(0).get_node()
    return found


def insert_behind(node: Any, added: Any) -> None:
    """Lets everything that takes what `node` gives take what `added`, which takes it too, makes of it."""
    for port in node.output(0).get_target_inputs():
        if port.get_node().get_friendly_name() != added.get_friendly_name():
            port.replace_source_output(added.output(0))
