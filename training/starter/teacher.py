# SPDX-License-Identifier: Apache-2.0
"""What a linear model over words and letters thinks of a query. It knows which letters make a word alike, which a small
transformer has to learn from few queries; so it says how likely each intent is, about queries it has not seen itself."""
import numpy as np
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

import texts

FOLDS = 4
TRUST = 0.5  # in the teacher; the rest in the label


class Teachers:
    def __init__(self, rows, names, made, draw):
        self.names, self.place = names, {name: i for i, name in enumerate(names)}
        self.fold = {query: i % FOLDS for i, (query, _) in enumerate(draw.sample(rows, len(rows)))}
        self.folds = [self.fold[query] for query, _ in rows]
        self.models = []
        for fold in range(FOLDS):
            mine = [row for row in rows if self.fold[row[0]] != fold]
            mine += [(texts.vary(q, i, draw), i) for q, i in mine] + made()
            words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"[^\s]+", min_df=2)
            letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=3)
            queries = [q for q, _ in mine]
            features = hstack([words.fit_transform(queries), letters.fit_transform(queries)]).tocsr()
            judge = LogisticRegression(C=20, max_iter=60).fit(features, [self.place[i] for _, i in mine])
            self.models.append((words, letters, judge))

    def hard(self, rows):
        out = np.zeros((len(rows), len(self.names)), dtype=np.float32)
        out[np.arange(len(rows)), [self.place[i] for _, i in rows]] = 1
        return out

    def soft(self, rows):
        """`rows`: those of the constructor, in their order, in whatever words."""
        out = self.hard(rows) * (1 - TRUST)
        for fold, (words, letters, judge) in enumerate(self.models):
            mine = [i for i, f in enumerate(self.folds) if f == fold]
            queries = [rows[i][0] for i in mine]
            out[np.ix_(mine, judge.classes_)] += TRUST * judge.predict_proba(hstack([words.transform(queries), letters.transform(queries)]).tocsr())
        return out
