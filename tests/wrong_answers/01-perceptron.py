"""Plausible wrong answers to exercises/01-perceptron.ipynb."""

# %% ex1: a sum of exactly 0 counts as a 1
weights = [(0, 0), (-2, -1), (-2, -1)]
biases = [0, -1, -1]
mistakes_per_pass = [1, 1, 0]
half = (-1, -0.5)

# %% ex1: the bias stays at 0
weights = [(1, -1), (-1, -2), (-1, -2)]
biases = [0, 0, 0]
mistakes_per_pass = [2, 0]
half = (-0.5, -1)

# %% ex1: learns from right answers too
weights = [(1, -1), (-1, -2), (-2, -4)]
biases = [1, 0, 1]
mistakes_per_pass = [2, 0]
half = (-1, -2)

# %% ex1: halves only the last update
weights = [(1, -1), (-1, -2), (-1, -2)]
biases = [1, 0, 0]
mistakes_per_pass = [2, 0]
half = (0, -1.5)

# %% ex1: the last pass is counted as one with mistakes
weights = [(1, -1), (-1, -2), (-1, -2)]
biases = [1, 0, 0]
mistakes_per_pass = [2, 2, 0]
half = (-0.5, -1)


# %% ex2-a: a sum of exactly 0 counts as a 1
def answers(X, weight, bias):
    return (X @ weight + bias >= 0).astype(int)


# %% ex2-a: forgets the bias
def answers(X, weight, bias):
    return (X @ weight > 0).astype(int)


# %% ex2-a: the bias is a threshold
def answers(X, weight, bias):
    return (X @ weight > bias).astype(int)


# %% ex2-b: not divided by the length of w
def distances(X, weight, bias):
    return X @ weight + bias


# %% ex2-b: divided by the square of the length
def distances(X, weight, bias):
    return (X @ weight + bias) / (weight @ weight)


# %% ex2-b: the same sign on both sides
def distances(X, weight, bias):
    return abs(X @ weight + bias) / np.linalg.norm(weight)


# %% ex2-b: the bias is added after the division
def distances(X, weight, bias):
    return X @ weight / np.linalg.norm(weight) + bias


# %% ex3: all mistakes are found with the old weights
def one_pass(X, y, weight, bias, alpha=1.0):
    error = y - (X @ weight + bias > 0)
    return (
        weight + alpha * error @ X,
        bias + alpha * error.sum(),
        int(abs(error).sum()),
    )


# %% ex3: changes the array that came in
def one_pass(X, y, weight, bias, alpha=1.0):
    mistakes = 0
    for x, label in zip(X, y, strict=True):
        error = label - int(weight @ x + bias > 0)
        weight += alpha * error * x
        bias += alpha * error
        mistakes += abs(error)
    return weight, bias, mistakes


# %% ex3: adds up errors of both signs
def one_pass(X, y, weight, bias, alpha=1.0):
    mistakes = 0
    for x, label in zip(X, y, strict=True):
        error = label - int(weight @ x + bias > 0)
        weight = weight + alpha * error * x
        bias = bias + alpha * error
        mistakes += error
    return weight, bias, mistakes


# %% ex3: alpha is forgotten for the bias
def one_pass(X, y, weight, bias, alpha=1.0):
    mistakes = 0
    for x, label in zip(X, y, strict=True):
        error = label - int(weight @ x + bias > 0)
        weight = weight + alpha * error * x
        bias = bias + error
        mistakes += abs(error)
    return weight, bias, mistakes


# %% ex3: always starts at zero
def one_pass(X, y, weight, bias, alpha=1.0):
    mistakes, weight, bias = 0, np.zeros(X.shape[1]), 0.0
    for x, label in zip(X, y, strict=True):
        error = label - int(weight @ x + bias > 0)
        weight = weight + alpha * error * x
        bias = bias + alpha * error
        mistakes += abs(error)
    return weight, bias, mistakes


# %% ex3: moves the wrong way
def one_pass(X, y, weight, bias, alpha=1.0):
    mistakes = 0
    for x, label in zip(X, y, strict=True):
        error = int(weight @ x + bias > 0) - label
        weight = weight + alpha * error * x
        bias = bias + alpha * error
        mistakes += abs(error)
    return weight, bias, mistakes


# %% ex4-a: with a bias
def mean_mistakes(margin, dimension):
    counts = []
    for seed in range(5):
        X, y = make_separable(margin, dimension, random_state=seed)
        model = Perceptron(max_epochs=10**5).fit(X, y)
        counts.append(model.mistakes_.sum())
    return np.mean(counts)


# %% ex4-a: mistakes of the first pass only
def mean_mistakes(margin, dimension):
    counts = []
    for seed in range(5):
        X, y = make_separable(margin, dimension, random_state=seed)
        model = Perceptron(fit_intercept=False, max_epochs=1).fit(X, y)
        counts.append(model.mistakes_.sum())
    return np.mean(counts)


# %% ex4-a: counts passes, not mistakes
def mean_mistakes(margin, dimension):
    counts = []
    for seed in range(5):
        X, y = make_separable(margin, dimension, random_state=seed)
        model = Perceptron(fit_intercept=False, max_epochs=10**5).fit(X, y)
        counts.append(model.n_iter_)
    return np.mean(counts)


# %% ex4-a: one data set instead of five
def mean_mistakes(margin, dimension):
    X, y = make_separable(margin, dimension, random_state=0)
    model = Perceptron(fit_intercept=False, max_epochs=10**5).fit(X, y)
    return model.mistakes_.sum()


# %% ex4-b: the bound instead of the measurement
factor2 = 99
factor20 = 100

# %% ex4-b: the same growth for both
factor2 = 10
factor20 = 10.5

# %% ex4-b: upside down
factor2 = mean_mistakes(0.3, 2) / mean_mistakes(0.03, 2)
factor20 = mean_mistakes(0.3, 20) / mean_mistakes(0.03, 20)


# %% ex5-a: does not turn class 0 around
def is_certificate(c, X, y, bias):
    c, X, y = np.asarray(c), np.asarray(X), np.asarray(y)
    if bias:
        X = np.column_stack([X, np.ones(len(X))])
    return bool((c >= 0).all() and (c[y == 1] > 0).any() and np.allclose(c @ X, 0))


# %% ex5-a: accepts negative numbers
def is_certificate(c, X, y, bias):
    c, X, y = np.asarray(c), np.asarray(X), np.asarray(y)
    if bias:
        X = np.column_stack([X, np.ones(len(X))])
    Z = np.where(y == 1, 1, -1)[:, None] * X
    return bool((c[y == 1] != 0).any() and np.allclose(c @ Z, 0))


# %% ex5-a: any example may take part alone
def is_certificate(c, X, y, bias):
    c, X, y = np.asarray(c), np.asarray(X), np.asarray(y)
    if bias:
        X = np.column_stack([X, np.ones(len(X))])
    Z = np.where(y == 1, 1, -1)[:, None] * X
    return bool((c >= 0).all() and (c > 0).any() and np.allclose(c @ Z, 0))


# %% ex5-a: forgets the bias
def is_certificate(c, X, y, bias):
    c, X, y = np.asarray(c), np.asarray(X), np.asarray(y)
    Z = np.where(y == 1, 1, -1)[:, None] * X
    return bool((c >= 0).all() and (c[y == 1] > 0).any() and np.allclose(c @ Z, 0))


# %% ex5-a: compares sums of floats exactly
def is_certificate(c, X, y, bias):
    c, X, y = np.asarray(c), np.asarray(X), np.asarray(y)
    if bias:
        X = np.column_stack([X, np.ones(len(X))])
    Z = np.where(y == 1, 1, -1)[:, None] * X
    return bool((c >= 0).all() and (c[y == 1] > 0).any() and (c @ Z == 0).all())


# %% ex5-b: all zero
c_and = [0, 0, 0, 0]
c_xor = [0, 0, 0, 0]

# %% ex5-b: only the points that are in the way
c_and = [0, 1, 1, 0]
c_xor = [1, 1, 1, 1]

# %% ex5-b: the certificate of XOR forgets the bias
c_and = [0, 1, 1, 1]
c_xor = [0, 1, 1, 1]

# %% ex5-b: signs put into the numbers
c_and = [0, -1, -1, 1]
c_xor = [-1, 1, 1, -1]


# %% ex6-a: the product alone
def lift(X):
    return X[:, :1] * X[:, 1:]


# %% ex6-a: the sum instead of the product
def lift(X):
    return np.column_stack([X, X[:, 0] + X[:, 1]])


# %% ex6-a: the squares
def lift(X):
    return np.column_stack([X, X[:, 0] ** 2])


# %% ex6-b: takes the product away only once
w_xor = [1, 1, -1]
b_xor = -0.5

# %% ex6-b: OR
w_xor = [1, 1, 0]
b_xor = -0.5

# %% ex6-b: the bias with the wrong sign
w_xor = [1, 1, -2]
b_xor = 0.5

# %% ex6-b: the answer of XNOR
w_xor = [-1, -1, 2]
b_xor = 0.5


# %% ex7-a: sorts the images but not their classes
def accuracy_in_order(order):
    model = OneVsRestClassifier(Perceptron(max_epochs=1))
    model.fit(X_train[order], train.y)
    return model.score(X_test, test.y)


# %% ex7-a: a perceptron that shuffles
def accuracy_in_order(order):
    model = OneVsRestClassifier(Perceptron(max_epochs=1, random_state=0))
    model.fit(X_train[order], train.y[order])
    return model.score(X_test, test.y)


# %% ex7-a: accuracy on the training digits
def accuracy_in_order(order):
    model = OneVsRestClassifier(Perceptron(max_epochs=1))
    model.fit(X_train[order], train.y[order])
    return model.score(X_train, train.y)


# %% ex7-a: more than one pass
def accuracy_in_order(order):
    model = OneVsRestClassifier(Perceptron(max_epochs=3))
    model.fit(X_train[order], train.y[order])
    return model.score(X_test, test.y)


# %% ex7-b: the class that comes first
one_answer = 0

# %% ex7-b: in the order as they come
model = OneVsRestClassifier(Perceptron(max_epochs=1))
model.fit(X_train, train.y)
one_answer = int(np.bincount(model.predict(X_test)).argmax())

# %% ex7-b: the digit answered least often
one_answer = 1
