"""PyG on MovieLens' links, with the model and the loaders of its tutorial."""

import statistics
import time

import movielens
import torch
from torch.nn import functional
from torch_geometric.data import HeteroData
from torch_geometric.loader import LinkNeighborLoader
from torch_geometric.nn import SAGEConv, to_hetero

RATES = ("users", "rates", "films")


class Convolutions(torch.nn.Module):
    def __init__(self, units):
        super().__init__()
        self.first = SAGEConv(units, units)
        self.second = SAGEConv(units, units)

    def forward(self, x, edge_index):
        return self.second(functional.relu(self.first(x, edge_index)), edge_index)


class Model(torch.nn.Module):
    """Returns a logit for each pair."""

    def __init__(self, data, units):
        super().__init__()
        users, films = data["users"], data["films"]
        self.users = torch.nn.Embedding(users.num_nodes, units)
        self.films = torch.nn.Embedding(films.num_nodes, units)
        self.genres = torch.nn.Linear(films.x.shape[1], units)
        self.convolutions = to_hetero(Convolutions(units), data.metadata())

    def forward(self, batch):
        users, films = batch["users"], batch["films"]
        x = {
            "users": self.users(users.node_id),
            "films": self.genres(films.x) + self.films(films.node_id),
        }
        h = self.convolutions(x, batch.edge_index_dict)
        user, film = batch[RATES].edge_label_index
        return (h["users"][user] * h["films"][film]).sum(-1)


def graph_of(split, edges):
    """Returns the graph of some of the ratings, with messages in both directions."""
    data = HeteroData()
    data["users"].node_id = torch.arange(int(split["num_users"]))
    data["films"].node_id = torch.arange(len(split["genres"]))
    data["films"].x = torch.from_numpy(split["genres"])
    edges = torch.from_numpy(edges.T.copy())
    data[RATES].edge_index = edges
    data["films", "rated_by", "users"].edge_index = edges.flip(0)
    return data


def with_links(data, pairs):
    """Returns a whole graph as a batch."""
    data = data.clone()
    data[RATES].edge_label_index = torch.from_numpy(pairs.T.copy())
    return data


def auc(model, batches, labels):
    model.eval()
    with torch.no_grad():
        scores = torch.cat([model(batch) for batch in batches])
    return movielens.roc_auc(labels, scores.numpy())


def run(split, seed, variant):
    torch.manual_seed(seed)
    messages, supervision = movielens.divided(split["train"], seed)
    graph = graph_of(split, messages)
    loader = LinkNeighborLoader(
        graph,
        list(movielens.FANOUTS[::-1]),  # PyG begins with the ends' own neighbours
        edge_label_index=(RATES, torch.from_numpy(supervision.T.copy())),
        edge_label=torch.ones(len(supervision)),
        neg_sampling_ratio=movielens.NEGATIVES,
        batch_size=movielens.BATCH_SIZE,
        shuffle=True,
        num_workers=int(variant == "1 worker"),
    )
    val_graph, test_graph = (
        graph_of(split, edges) for edges in movielens.messages_of(split)
    )
    val = with_links(val_graph, split["val_pairs"])
    test = with_links(test_graph, split["test_pairs"])
    model = Model(graph, movielens.UNITS)
    optimizer = torch.optim.Adam(model.parameters(), movielens.LEARNING_RATE)
    seconds, stopping = [], movielens.Stopping()
    while not stopping.done:
        model.train()
        start = time.perf_counter()
        for batch in loader:
            optimizer.zero_grad()
            loss = functional.binary_cross_entropy_with_logits(
                model(batch), batch[RATES].edge_label
            )
            loss.backward()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
        if stopping.is_best(auc(model, [val], split["val_labels"])):
            best = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(best)
    sampled = LinkNeighborLoader(
        test_graph,
        list(movielens.FANOUTS[::-1]),
        edge_label_index=(RATES, test[RATES].edge_label_index),
        batch_size=3 * movielens.BATCH_SIZE,
    )
    return {
        "val_auc": stopping.best,
        "auc": auc(model, [test], split["test_labels"]),
        "sampled_auc": auc(model, sampled, split["test_labels"]),
        "epochs": len(seconds),
        "best_epoch": stopping.best_epoch,
        "s_per_epoch": statistics.median(seconds),
    }


if __name__ == "__main__":
    movielens.main(run)
